# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The room of the scenario airgap: the stick, the controller's directory for what came on it, and runs of playbooks."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.support.playbooks import Run, playbook
from tools.paths import ROOT

NET = os.environ.get("CLASSROOM_NET", "192.168.91")
# On the disk and not in the scenario's own directory, which is in memory
WORK = ROOT / ".cache" / "airgap"
STICK, BUNDLE = WORK / "stick" / "bundle.tar.zst", WORK / "room" / "bundle"
# node2 stays as it was made: what is needed for a cluster is a master and one worker
CLASS = ("--limit", "all:!node2")
# The lab's utility sees the checkout's bundles; a machine in a room is given a copy
ROOM = {
    "cluster_bundle": str(BUNDLE), "cluster_utility_only": True, "utility_copy": True, "utility_bundle": "/srv/bundle",
}


def extra(**variables: object) -> tuple[str, str]:
    """The room's variables and these, as arguments of ansible-playbook."""
    return "--extra-vars", json.dumps({**ROOM, **variables})


def in_room(name: str, *arguments: str, **variables: object) -> Run:
    """Run a playbook as in the room."""
    return playbook(name, *arguments, *extra(**variables))


def another(name: str) -> Path:
    """A second bundle on the controller, whose files are the good one's: replace them, never write into them."""
    target = WORK / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(BUNDLE, target, copy_function=os.link)
    shutil.copyfile(signer_record(BUNDLE), signer_record(target))
    return target


def signer_record(bundle: Path) -> Path:
    """The file next to a bundle in which bundle.yml has written down whose key signs it."""
    return bundle.with_name(f"{bundle.name}.signed-by")


def replace_file(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def flipped(content: bytes) -> bytes:
    """The same with one other byte in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
