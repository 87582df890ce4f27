# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nfpm's descriptions: what is written by hand plus what follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle.builder.packages import file_name, render
from bundle.builder.recipe import Package, Recipe

SOURCE = Path(__file__).resolve().parents[3] / "bundle" / "packages"
TOOL = Package("tool", "module", "1.36.3", "1.1")
PROGRAMS = {"module": Path("/programs/module-1")}


@pytest.fixture
def rendered(tmp_path: Path) -> dict[str, Any]:
    written = {
        "description": "A tool",
        "section": "admin",
        "contents": [
            {"src": "module/tool", "dst": "/usr/bin/tool"},
            {"src": "files/tool.conf", "dst": "/etc/tool.conf", "type": "config|noreplace"},
            {"dst": "/var/lib/tool", "type": "dir"},
        ],
        "scripts": {"postinstall": "files/tool.postinstall"},
    }
    (tmp_path / "tool.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return render(tmp_path, TOOL, PROGRAMS, "amd64")


def test_name_version_and_architecture_follow(rendered: dict[str, Any]) -> None:
    wanted = {"name": "tool", "version": "1.36.3", "release": "1.1", "arch": "amd64"}
    assert wanted.items() <= rendered.items()
    assert file_name(TOOL, "amd64") == "tool_1.36.3-1.1_amd64.deb"


def test_what_is_written_is_kept(rendered: dict[str, Any]) -> None:
    assert {"description": "A tool", "section": "admin"}.items() <= rendered.items()


def test_contents_have_sources_and_modes_of_their_kind(rendered: dict[str, Any], tmp_path: Path) -> None:
    contents = {entry["dst"]: entry for entry in rendered["contents"]}
    assert contents["/usr/bin/tool"]["src"] == "/programs/module-1/tool"
    assert contents["/etc/tool.conf"]["src"] == str(tmp_path / "files" / "tool.conf")
    assert {path: entry["file_info"]["mode"] for path, entry in contents.items()} == {
        "/usr/bin/tool": 0o755,
        "/etc/tool.conf": 0o644,
        "/var/lib/tool": 0o755,
        "/usr/share/doc/tool/copyright": 0o644,
    }


def test_scripts_are_found_beside_the_description(rendered: dict[str, Any], tmp_path: Path) -> None:
    assert rendered["scripts"] == {"postinstall": str(tmp_path / "files" / "tool.postinstall")}


def test_equal_inputs_make_equal_packages(rendered: dict[str, Any]) -> None:
    assert rendered["mtime"] == "2026-01-01T00:00:00Z"


def test_the_kubelet_depends_on_what_upstreams_package_depends_on(declared: Recipe) -> None:
    programs = {name: Path("/programs") / name for name in declared.modules}
    kubelet = render(SOURCE, declared.versions.packages["kubelet"], programs, "amd64")
    depends = kubelet["overrides"]["deb"]["depends"]
    assert [dependency.split(" ")[0] for dependency in depends] == ["iptables", "kubernetes-cni", "mount", "util-linux"]


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("10-kubeadm.deb.conf", "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env"),
        ("10-kubeadm.deb.conf", "EnvironmentFile=-/etc/default/kubelet"),
        ("containerd.service", "ExecStart=/usr/bin/containerd"),
        ("containerd.service", "KillMode=process"),
        ("kubelet.service", "Restart=always"),
        ("classroom-registry.service", "User=classroom-registry"),
    ],
)
def test_units_say_what_kubeadm_and_the_roles_count_on(unit: str, line: str) -> None:
    assert line in (SOURCE / "files" / unit).read_text(encoding="utf-8").splitlines()
