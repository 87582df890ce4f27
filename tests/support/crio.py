# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenario crio was given of CRI-O, and the inventories that choose it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.support.playbooks import inventory

# A directory with CRI-O's packages or programs; nobody may be relied upon for them
VARIABLE = "CLASSROOM_CRIO"
NOT_RUN = (
    f"{VARIABLE} names no directory with CRI-O's packages (*.deb) or its programs crio and pinns. Not run: the "
    "installation of CRI-O, clusters on it, also mixed ones, reload and restart, its reset, the way back to bare."
)


def is_given() -> bool:
    return bool(os.environ.get(VARIABLE))


def repository() -> dict[str, str]:
    """The one that prepare.yml has put on each machine."""
    key = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "cri-o", "apt", "classroom-kubeadm.asc")
    return {"name": "cri-o", "uri": "file:///srv/cri-o/apt", "signed_by": key.read_text(encoding="utf-8")}


def choosing(path: Path, machines: Mapping[str, str], **variables: object) -> tuple[Path, ...]:
    """The scenario's inventory with a runtime for each of these machines, and more variables for all of them.

    Each machine's own: those of a group would yield to the lab's.
    """
    hosts = {name: {"cluster_runtime": runtime, **variables} for name, runtime in machines.items()}
    path.write_text(yaml.safe_dump({"k8s_cluster": {"hosts": hosts}}), encoding="utf-8")
    return inventory(), path
