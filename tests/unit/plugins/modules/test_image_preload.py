# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.image_preload import main

PAUSE = "registry.k8s.io/pause:3.10.2"
OTHER = "registry.k8s.io/etcd:3.6.8-0"
CTR = """\
#!{python}
import os, sys
store = os.path.dirname(os.path.abspath(__file__)) + "/store"
images = open(store).read().split() if os.path.exists(store) else []
if "ls" in sys.argv:
    print("\\n".join(images))
elif "broken" in sys.argv[-1]:
    sys.exit("ctr: failed to resolve image: not found")
else:
    open(store, "a").write(sys.argv[-1] + "\\n")
"""
KUBEADM = """\
#!{python}
import sys
print("v1.36.3" if "version" in sys.argv else "{image}")
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with containerd and kubeadm, as far as they are asked."""
    for name, text in (("ctr", CTR), ("kubeadm", KUBEADM)):
        program = tmp_path / name
        program.write_text(text.format(python=sys.executable, image=OTHER), encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", "{}{}{}".format(tmp_path, os.pathsep, os.environ["PATH"]))
    return tmp_path


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("present", [(), (PAUSE,), (PAUSE, OTHER)])
def test_it_pulls_what_is_missing(run_main: Any, machine: Path, present: tuple[str, ...], check: bool) -> None:
    (machine / "store").write_text("\n".join(present) + "\n", encoding="utf-8")

    result = run_main(main, {"images": [PAUSE], "kubeadm_images": "control_plane"}, check=check)

    missing = [image for image in (PAUSE, OTHER) if image not in present]
    assert (result["failed"], result["changed"]) == (False, bool(missing))
    state = "missing" if check else "pulled"
    assert [(row["image"], row["state"]) for row in result["images"]] == [
        (image, state if image in missing else "present") for image in (PAUSE, OTHER)
    ]
    assert all(f"{image}: (not in the container runtime)" in result["diff"]["after"] for image in missing)
    there = (machine / "store").read_text(encoding="utf-8").split()
    assert sorted(there) == sorted(present if check else (PAUSE, OTHER))


@pytest.mark.parametrize("check", [False, True])
def test_without_waiting_systemd_pulls(run_main: Any, machine: Path, check: bool) -> None:
    program = machine / "systemd-run"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {machine}/units\n", encoding="utf-8")
    program.chmod(0o755)
    (machine / "store").write_text(PAUSE + "\n", encoding="utf-8")

    result = run_main(main, {"images": [PAUSE, OTHER], "wait": False}, check=check)

    assert (result["failed"], result["changed"]) == (False, True)
    assert [row["state"] for row in result["images"]] == ["present", "missing" if check else "started"]
    units = (machine / "units").read_text(encoding="utf-8").splitlines() if not check else []
    assert [line.split()[-1] for line in units] == ([] if check else [OTHER])
    assert (machine / "store").read_text(encoding="utf-8").split() == [PAUSE]


def test_what_failed_is_told_and_the_rest_is_there(run_main: Any, machine: Path) -> None:
    result = run_main(main, {"images": ["broken:1", PAUSE], "retries": 0})

    assert (result["failed"], result["changed"]) == (True, True)
    assert "docker.io/library/broken:1: failed to resolve image: not found" in result["msg"]
    assert (machine / "store").read_text(encoding="utf-8").split() == [PAUSE]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("options", [{"images": [PAUSE]}, {"kubeadm_images": "control_plane"}])
def test_on_a_bare_host_it_predicts_or_says_what_is_missing(
    run_main: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], check: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = run_main(main, options, check=check)

    assert (result["failed"], result["changed"]) == (not check, check)


@pytest.mark.parametrize("check", [False, True])
def test_another_runtime_is_refused(run_main: Any, check: bool) -> None:
    result = run_main(main, {"images": [PAUSE], "cri_socket": "unix:///run/docker.sock"}, check=check)

    assert result["failed"] and "docker.sock" in result["msg"]
