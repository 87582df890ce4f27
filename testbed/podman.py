# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run podman with a configuration of the checkout, apart from the user's own containers and settings."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed, Runner
from tools.paths import Checkout

from . import cleanup
from .config import MachineSet

_CAP_SYS_RESOURCE = 24
_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}


@dataclass(frozen=True)
class Engine:
    """The facts about this machine on which podman's configuration depends."""

    systemd: bool
    ulimits: tuple[str, ...]


def read_engine() -> Engine:
    """Read the facts: the cgroup manager, and which limits may be set."""
    status = Path("/proc/self/status").read_text()
    hard = {name: resource.getrlimit(number)[1] for name, number in _LIMITS.items()}
    pid_max = int(Path("/proc/sys/kernel/pid_max").read_text())
    return Engine(Path("/run/systemd/system").is_dir(), ulimits(status, hard, pid_max))


def ulimits(status: str, hard: Mapping[str, int], pid_max: int) -> tuple[str, ...]:
    """Return limits for hosts if the /proc/self/status of this process shows that it may not raise any, otherwise none.

    podman would request more, and fail. It also lowers its own number of processes to `pid_max`.
    """
    capabilities = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    if int(capabilities, 16) >> _CAP_SYS_RESOURCE & 1:
        return ()
    most = {name: limit for name, limit in hard.items() if limit != resource.RLIM_INFINITY}
    most["nproc"] = min(most.get("nproc", pid_max), pid_max)
    return tuple(f"{name}={limit}:{limit}" for name, limit in most.items())


def containers_conf(checkout: Checkout, engine: Engine) -> str:
    """Return the settings of the engine. A path that is missing here would be that of the user."""
    return f"""\
# Written by testbed/cli.py and read through CONTAINERS_CONF; changes are lost.
[containers]
default_ulimits = {json.dumps(list(engine.ulimits))}

[engine]
# crun refuses hosts that have cgroup v1 and v2 side by side
runtime = "runc"
cgroup_manager = "{'systemd' if engine.systemd else 'cgroupfs'}"
# Locks in shared memory have one name for all podmans of a host, and a first start releases them all
lock_type = "file"
events_logger = "file"
image_copy_tmp_dir = "storage"
static_dir = "{checkout.podman}/libpod"
volume_path = "{checkout.podman}/volumes"
tmp_dir = "{checkout.run}/libpod"

[network]
network_backend = "netavark"
network_config_dir = "{checkout.podman}/networks"
"""


def storage_conf(checkout: Checkout) -> str:
    """Return the configuration of the storage of images and containers."""
    return f"""\
# Written by testbed/cli.py and read through CONTAINERS_STORAGE_CONF; changes are lost.
[storage]
driver = "overlay"
graphroot = "{checkout.podman}/storage"
runroot = "{checkout.run}/storage"
"""


REGISTRIES_CONF = """\
# Written by testbed/cli.py and read through CONTAINERS_REGISTRIES_CONF; changes are lost.
# No registry is asked for a machine's image.
unqualified-search-registries = []
"""


def write_configuration(checkout: Checkout, engine: Engine) -> None:
    """Write the configuration; files without a difference are not written."""
    checkout.podman.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "containers.conf": containers_conf(checkout, engine),
        "storage.conf": storage_conf(checkout),
        "registries.conf": REGISTRIES_CONF,
    }.items():
        write_atomically(checkout.podman / name, text)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` to `path` atomically, unless it is unchanged."""
    if path.is_file() and path.read_text() == text:
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.chmod(mode)
    part.replace(path)


@dataclass(frozen=True)
class Podman:
    """The commands of podman that this project uses."""

    checkout: Checkout
    run: Runner

    def __call__(self, *argv: str, timeout: float = 120, check: bool = True) -> Completed:
        """Run podman with the checkout's configuration."""
        return self.run(["podman", *argv], timeout=timeout, check=check, env=self.checkout.environment)

    def image_exists(self, image: str) -> bool:
        """Return whether the image is in the checkout's storage."""
        return self("image", "exists", image, check=False).rc == 0

    def image_id(self, image: str) -> str:
        """Return the id of the image."""
        return self("image", "inspect", "--format={{.Id}}", image).out.strip()

    def remove_other_tags(self, name: str, keep: Container[str]) -> None:
        """Remove other images of that name, except those that containers use."""
        for tag in self("image", "ls", "--format={{.Tag}}", f"localhost/{name}").out.split():
            if tag not in keep:
                self("image", "rm", f"localhost/{name}:{tag}", check=False)

    def containers(self, machines: MachineSet) -> dict[str, dict[str, Any]]:
        """Return all containers of the set in any state, by name."""
        listing = self("ps", "--all", f"--filter=label=classroom.set={machines.name}", "--format=json").out
        return {container["Names"][0]: container for container in json.loads(listing or "[]")}

    def has(self, name: str) -> bool:
        """Return whether a container of that name exists, even if a killed creation left only its storage."""
        return self("container", "exists", "--external", name, check=False).rc == 0

    def remove(self, names: Sequence[str]) -> None:
        """Remove containers with their anonymous volumes, at once, without waiting for their services to stop."""
        self("rm", "--force", "--volumes", "--time=0", "--ignore", *names, timeout=300)

    def network(self, machines: MachineSet) -> str | None:
        """Return the network of the set, if there is one."""
        files = (self.checkout.podman / "networks").glob(f"{machines.network}-*.json")
        return next((file.stem for file in files), None)

    def ensure_network(self, machines: MachineSet) -> str:
        """Create the network of the set, with an interface whose name distinguishes it from those of other checkouts.

        podman 4.3 has no option for the interface and numbers them by what is up at the moment: two checkouts could get
        the same one. The file that it writes has the name, and is read at every start.
        """
        name = self.network(machines) or self._create_network(machines)
        file = self.checkout.podman / "networks" / f"{name}.json"
        description = json.loads(file.read_text())
        if description["network_interface"] != machines.bridge:
            write_atomically(file, json.dumps(description | {"network_interface": machines.bridge}, indent=2))
        return name

    def _create_network(self, machines: MachineSet) -> str:
        """Create a network with a name that was never used on this machine.

        Rules and leases are stored under it for all podmans of a machine, and leases of a killed container are kept
        until the next boot.
        """
        name = f"{machines.network}-{time.time_ns() // 1_000_000}"
        # Names are resolved by the hosts' own /etc/hosts, as in a classroom
        self("network", "create", "--disable-dns", f"--subnet={machines.subnet}", name)
        return name

    def renew_network(self, machines: MachineSet, addresses: Mapping[str, tuple[str, str]]) -> None:
        """Create the network again without leases, and connect the hosts: container -> IP and MAC address."""
        old = self.network(machines)
        for container in addresses if old else ():
            self("network", "disconnect", str(old), container, check=False)
        self.remove_network(machines)
        new = self.ensure_network(machines)
        for container, (ip, mac) in addresses.items():
            self("network", "connect", f"--ip={ip}", f"--mac-address={mac}", new, container)

    def remove_network(self, machines: MachineSet) -> bool:
        """Remove the network of the set; return whether there was one."""
        name = self.network(machines)
        if name:
            self("network", "rm", name)
        return name is not None

    def remove_orphans(self) -> None:
        """End processes that a killed podman started and does not know."""
        running = self("ps", "--quiet", "--no-trunc").out.split()
        cleanup.remove_orphans(self.run, self.checkout.podman, running)

    def remove_unused_volumes(self) -> None:
        """Remove volumes of containers that were killed during creation; this storage belongs to the checkout."""
        self("volume", "prune", "--force", timeout=300)

    def execute(self, container: str, *argv: str, timeout: float = 60) -> Completed:
        """Run a command on a host."""
        return self("exec", container, *argv, timeout=timeout, check=False)
