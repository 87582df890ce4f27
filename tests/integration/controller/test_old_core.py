# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release of ansible-core that the collection does not support is named before anything else fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environments import environment
from tools.paths import ROOT


@pytest.fixture(scope="module")
def old() -> Path:
    """The programs of an environment with an old release."""
    return environment("core-2.18", Path(__file__).with_name("requirements-2.18.txt"), sys.executable)


@pytest.mark.parametrize(("playbook", "example"), [("init", ""), ("site", "class"), ("reset", "three")])
def test_an_unsupported_release_is_an_error(old: Path, tmp_path: Path, playbook: str, example: str) -> None:
    """Its own plugins find it: that of the class file, the filter of every playbook, and the action of init."""
    place = tmp_path / "place"
    if example:
        shutil.copytree(ROOT / "inventories" / example, place)
    else:
        place.mkdir()
    before = sorted(path.name for path in place.iterdir())
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}

    done = subprocess.run(
        [str(old / "ansible-playbook"), f"classroom.kubeadm.{playbook}"], cwd=place, check=False, timeout=60, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**variables, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "PWD": str(place),
             "HOME": str(tmp_path)})

    # Ansible wraps its warnings
    said = " ".join(done.stdout.split())
    assert done.returncode not in (0, 4), said
    assert "does not support this version of ansible-core: expected >=2.19.0, found 2.18." in said
    assert "Nothing was changed." in said and "Traceback" not in said
    assert sorted(path.name for path in place.iterdir()) == before
