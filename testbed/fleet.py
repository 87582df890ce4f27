# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create the hosts of a description and wait until they respond; remove them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed, Runner
from tools.paths import Checkout

from . import cleanup, host_check, keys, subnets
from .config import (
    DESCRIPTION,
    SCENARIO,
    MachineSet,
    Platform,
    create_argv,
    mac_address,
    platforms,
    prefix_of,
)
from .image import Image, ensure_image, images
from .lock import locked
from .output import MachineError, NetworkTaken, say, waiting
from .podman import Podman, read_engine, write_atomically, write_configuration

BOOT_TIMEOUT = 120.0
_RUNNING = "running"
_PODMAN = 'eval "$(testbed/cli.py env)"; podman'
# States from which a start leads to a running container; any other state was left by a failure.
_STARTABLE = {"created", "configured", "exited", "stopped", "initialized"}


def action(container: Mapping[str, Any] | None) -> str:
    """Return how to start a container that podman lists: nothing, a start, or to create it (again).

    After a reboot podman calls a container "created" that has run for weeks. One that never ran is created again: it
    may be made from an old image, and has no data.
    """
    if container is None or container["State"] == _RUNNING:
        return "keep" if container else "create"
    return "start" if container["State"] in _STARTABLE and container["StartedAt"] > 0 else "create"


def _prefix_in_use(containers: Mapping[str, dict[str, Any]]) -> str | None:
    """Return the network of `containers`, in the format of CLASSROOM_NET."""
    networks = {network for container in containers.values() for network in container["Networks"] or ()}
    return prefix_of(networks.pop()) if networks else None


@dataclass(frozen=True)
class Fleet:
    """The hosts of one set in one checkout."""

    checkout: Checkout
    machines: MachineSet
    podman: Podman
    run: Runner

    @classmethod
    def of(cls, checkout: Checkout, machines: MachineSet, run: Runner) -> Fleet:
        """Return a fleet whose podman is configured."""
        write_configuration(checkout, read_engine())
        return cls(checkout, machines, Podman(checkout, run), run)

    def as_it_is(self) -> Fleet:
        """Return the fleet in the network that its hosts are in, independent of the environment."""
        prefix = self.prefix_in_use() or self.machines.prefix
        return replace(self, machines=replace(self.machines, prefix=prefix))

    @property
    def platforms(self) -> list[Platform]:
        """The hosts of the description."""
        files = [DESCRIPTION, *([Path(SCENARIO.format(self.machines.scenario))] if self.machines.scenario else [])]
        return platforms([(self.checkout.root / file).read_text() for file in files], self.machines, self.checkout)

    def worth(self, machines: int) -> int:
        """Return the number of cluster hosts to which these hosts are equivalent in load."""
        return machines

    def image_of(self, platform: Platform) -> Image:
        """Return the image of a host."""
        known = images(self.checkout)
        if platform.image not in known:
            raise MachineError(
                f"The image of host {platform.name} is unknown: found {platform.image}, expected one of "
                f"{', '.join(known)}. Correct {DESCRIPTION} or the scenario's molecule.yml."
            )
        return known[platform.image]

    def up(self) -> bool:
        """Start every host and wait until it responds; return whether anything had to be done."""
        with locked(self.checkout.run / "lock", "the machines of this checkout"):
            found = self.podman.containers(self.machines)
            self._refuse_other_network(found)
            todo = {platform: action(found.get(platform.container)) for platform in self.platforms}
            pending = {platform: what for platform, what in todo.items() if what != "keep"}
            if pending:
                self._start(pending)
            # The state of the services on a host that was only started again is left to its users
            self._wait(fresh={platform for platform, what in pending.items() if what == "create"})
            self._hint_at_newer_image(found)
            return bool(pending)

    def _refuse_other_network(self, found: dict[str, dict[str, Any]]) -> None:
        used = _prefix_in_use(found)
        if used not in (None, self.machines.prefix):
            raise MachineError(
                f"The hosts of this checkout are in another network: expected {self.machines.subnet}, found "
                f"{used}.0/24. Continue with CLASSROOM_NET={used}, or remove them first: "
                f"testbed/cli.py down --set {self.machines.name}"
            )

    def _start(self, pending: dict[Platform, str]) -> None:
        host_check.require(self.run, self.checkout.podman, self.worth(len(pending)))
        self._refuse_conflict()
        keys.ensure_key(self.checkout, self.run)
        for image in dict.fromkeys(self.image_of(platform) for platform in pending):
            ensure_image(image, self.checkout, self.podman, self.run)
        self._make_sources()
        # Until the first host runs, other checkouts cannot see that the network is used
        with locked(self.checkout.run_root / "lock", "the host's networks"):
            self._refuse_conflict()
            subnets.mark(self.checkout, self.machines)
            if cleanup.bridge_exists(self.run, self.machines) and not self._running():
                self._repair_network()
            self.podman.ensure_network(self.machines)
            for platform, what in pending.items():
                say(f"starting {platform.container} ({platform.ip})")
                self._start_one(platform, what)

    def _running(self) -> list[str]:
        found = self.podman.containers(self.machines)
        return [name for name, container in found.items() if container["State"] == _RUNNING]

    def _refuse_conflict(self) -> None:
        owner = subnets.owner(self.checkout, self.machines)
        sentence = subnets.conflict(self.machines, str(self.checkout.root), subnets.taken_subnets(self.run), owner)
        if sentence:
            raise NetworkTaken(sentence)

    def _make_sources(self) -> None:
        """Create directories of this machine that hosts mount and that may be filled later."""
        for platform in self.platforms:
            for source in (Path(volume.split(":")[0]) for volume in platform.volumes if ":" in volume):
                if not source.exists():
                    source.mkdir(parents=True)

    def _start_one(self, platform: Platform, what: str) -> None:
        if what == "create":
            # A killed creation leaves a name in the storage that no list of containers shows
            self.podman.remove([platform.container])
            self.podman.remove_orphans()
            labels = {"classroom.set": self.machines.name, "classroom.checkout": str(self.checkout.root)}
            self.podman(*create_argv(platform, self.podman.ensure_network(self.machines), labels))
        started = self.podman("start", platform.container, check=False)
        if "IPAM error" in started.err:
            self._repair_network()
            started = self.podman("start", platform.container, check=False)
        if started.rc != 0:
            raise MachineError(
                f"{platform.container} was to be started, but podman says: {started.text}\n"
                f"If it stays so, remove the machines first: testbed/cli.py down --set {self.machines.name}"
            )

    def _repair_network(self) -> None:
        """Repair the network after a killed start, which leaves leases and interfaces without a container."""
        say("an earlier start died halfway, putting its network in order")
        running = self._running()
        if running:
            self.podman("stop", "--time=10", *running)
        found = self.podman.containers(self.machines)
        plugs = {platform.container: (platform.ip, mac_address(platform.ip)) for platform in self.platforms}
        cleanup.remove_network(self.run, self.machines)
        self.podman.renew_network(self.machines, {name: plug for name, plug in plugs.items() if name in found})
        if running:
            self.podman("start", *running)

    def _wait(self, fresh: set[Platform]) -> None:
        wanted = self.platforms
        with waiting("waiting for systemd and ssh"), ThreadPoolExecutor(len(wanted)) as pool:
            # Read through podman: a response over the network could come from another host
            host_keys = pool.map(lambda platform: self._booted(platform, platform in fresh), wanted)
            addresses = (platform.ip for platform in wanted)
            keys.update_known_hosts(self.checkout, dict(zip(addresses, host_keys, strict=True)))
            list(pool.map(self._answers, wanted))

    def _booted(self, platform: Platform, fresh: bool) -> str:
        """Wait for the end of the boot; return the public host key."""
        def ask(*argv: str) -> Completed:
            return self.podman.execute(platform.container, *argv, timeout=BOOT_TIMEOUT)

        state = self._until(
            platform, "a started systemd", lambda: ask("systemctl", "is-system-running", "--wait"),
            lambda completed: completed.out.strip() in {_RUNNING, "degraded"},
        ).out.strip()
        if state != _RUNNING:
            self._report_failed_units(platform, fresh)
        return self._until(
            platform, "a host key", lambda: ask("cat", "/etc/ssh/ssh_host_ed25519_key.pub"),
            lambda completed: completed.rc == 0 and completed.out.startswith("ssh-"),
        ).out.strip()

    def _report_failed_units(self, platform: Platform, fresh: bool) -> None:
        listing = self.podman.execute(platform.container, "systemctl", "--failed", "--plain", "--legend=no")
        sentence = f"units that failed on {platform.container}:\n{listing.out.strip()}"
        if fresh:
            raise MachineError(
                f"systemd has failed units: expected a host whose systemd is running, found {sentence}\n"
                f"Look at it: {_PODMAN} exec -it {platform.container} systemctl status"
            )
        say(f"note: {sentence}")

    def _answers(self, platform: Platform) -> None:
        self._until(
            platform, "a login by ssh",
            lambda: self.run(keys.login_argv(self.checkout, platform.ip), timeout=20, check=False),
            lambda completed: completed.rc == 0,
        )

    def _until(self, platform: Platform, what: str, attempt: Callable[[], Completed],
               good: Callable[[Completed], bool]) -> Completed:
        """Repeat `attempt` until its result is `good` or the timeout for a boot is over."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while True:
            completed = attempt()
            if good(completed):
                return completed
            if time.monotonic() > deadline:
                raise MachineError(
                    f"Expected {what} on {platform.container} ({platform.ip}); found after {BOOT_TIMEOUT:.0f} s: "
                    f"{completed.text or 'nothing'}. See its log: {_PODMAN} logs {platform.container}. "
                    f"Or remove it and begin again: testbed/cli.py down --set {self.machines.name}"
                )
            time.sleep(0.3)

    def _hint_at_newer_image(self, found: dict[str, dict[str, Any]]) -> None:
        described = {platform.container: self.image_of(platform).reference_by_key for platform in self.platforms}
        newest = {
            reference: self.podman.image_id(reference)
            for reference in set(described.values()) if found and self.podman.image_exists(reference)
        }
        old = sorted(
            name for name, container in found.items()
            if newest.get(described.get(name, ""), container["ImageID"]) != container["ImageID"]
        )
        if old:
            say(f"note: made from an earlier image, and left as they are: {', '.join(old)}")

    def down(self) -> bool:
        """Remove exactly what `up` created; return whether there was anything."""
        with locked(self.checkout.run / "lock", "the machines of this checkout"):
            names = {*self.podman.containers(self.machines), *(platform.container for platform in self.platforms)}
            existed = [name for name in sorted(names) if self.podman.has(name)]
            if existed:
                say(f"removing {', '.join(existed)}")
                with waiting("removing"):
                    self.podman.remove(existed)
            with locked(self.checkout.run_root / "lock", "the host's networks"):
                network = self.podman.remove_network(self.machines)
                cleanup.remove_network(self.run, self.machines)
                subnets.unmark(self.checkout, self.machines)
                cleanup.remove_scaffold(self.run)
            self.podman.remove_orphans()
            self.podman.remove_unused_volumes()
            keys.update_known_hosts(self.checkout, {}, [platform.ip for platform in self.platforms])
        self._leave_when_last()
        return bool(existed) or network

    def _leave_when_last(self) -> None:
        """Remove podman's mounts, cgroups and files under /run when no host is left."""
        if self.podman("ps", "--all", "--quiet").out.strip():
            return
        for name in ("libpod", "storage", "networks", "lock"):
            path = self.checkout.run / name
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        with suppress(OSError):  # Molecule's state may still be there
            self.checkout.run.rmdir()
        cleanup.remove_empty_cgroups()

    def status(self) -> list[tuple[str, str, str, str]]:
        """Return host, address, state of the container, and state of its systemd."""
        found = self.podman.containers(self.machines)
        rows = []
        for platform in self.platforms:
            state = found.get(platform.container, {}).get("State", "absent")
            system = "-"
            if state == _RUNNING:
                system = self.podman.execute(platform.container, "systemctl", "is-system-running").out.strip() or "?"
            rows.append((platform.name, platform.ip, state, system))
        return rows

    def prefix_in_use(self) -> str | None:
        """Return the network of the hosts of the set, independent of the environment."""
        return _prefix_in_use(self.podman.containers(self.machines))

    def write_inventory(self, file: Path) -> None:
        """Write the addresses of the hosts as an inventory, because Ansible cannot read them from Molecule."""
        hosts = "".join(f"    {platform.name}: {{ansible_host: {platform.ip}}}\n" for platform in self.platforms)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, f"---\nall:\n  hosts:\n{hosts}")
