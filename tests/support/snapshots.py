# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run may have changed on the machines of a Molecule scenario, as something that can be compared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import testinfra

from tests.support.playbooks import inventory

NODES = ("master", "node1", "node2")
MACHINES = (*NODES, "utility.example.com")
# Everything that the collection configures, and the packages; contents, because what is put back has a new date.
_PATHS = (
    "/etc", "/var/lib/dpkg/status", "/var/lib/classroom-kubeadm", "/var/lib/classroom-registry", "/opt",
    "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/instance-config.yaml", "/var/lib/kubelet/kubeadm-flags.env",
)
# A restarted service has another process; the kubelet of a machine without a cluster starts anew all the time.
_SERVICES = ("containerd", "crio", "nginx", "classroom-registry")
_COMMAND = (
    f"find {' '.join(_PATHS)} -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 sha256sum; "
    # Keys that were imported are packages, too
    "rpm --query --all 2>/dev/null | LC_ALL=C sort; "
    "echo hostname $(hostname); echo forward $(cat /proc/sys/net/ipv4/ip_forward); "
    f"for unit in {' '.join(_SERVICES)}; do echo $unit $(systemctl show --value --property=MainPID $unit); done"
)


def machine(name: str) -> Any:
    """A machine for testinfra."""
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={inventory()}")


def machine_print(name: str) -> set[str]:
    """One line for every file, setting and service of a machine."""
    return set(machine(name).check_output(_COMMAND).splitlines())


def all_prints(names: tuple[str, ...] = MACHINES) -> dict[str, set[str]]:
    """Those of several machines."""
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(machine_print, names), strict=True))
