# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of this machine: used ones, their owners, and a free one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Runner
from tools.paths import Checkout

from .config import MachineSet
from .output import MachineError

_ELSEWHERE = {
    "lab": "Give that network another address; the lab's is the one of its inventory",
    "molecule": "Take another network: export CLASSROOM_NET=$(testbed/cli.py free-subnet)",
}
CANDIDATES = tuple(f"192.168.{third}" for third in range(91, 100))


@dataclass(frozen=True)
class Taken:
    """A network of an interface of this machine, or the target of a route."""

    subnet: IPv4Network
    interface: str


def taken_subnets(run: Runner) -> list[Taken]:
    """Return every IPv4 network that this machine knows, except the default route."""
    found = set()
    for link in json.loads(run(["ip", "-json", "-4", "address"]).out or "[]"):
        for address in link.get("addr_info", []):
            found.add(Taken(IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False), link["ifname"]))
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]).out or "[]"):
        if route["dst"] != "default" and route.get("type", "unicast") == "unicast":
            found.add(Taken(IPv4Network(route["dst"]), route.get("dev", "?")))
    return sorted(found, key=lambda taken: (taken.subnet, taken.interface))


def in_the_way(prefix: str, taken: Iterable[Taken]) -> Taken | None:
    """Return the first of the `taken` networks that overlaps the /24 of `prefix`."""
    wanted = IPv4Network(f"{prefix}.0/24")
    return next((network for network in taken if network.subnet.overlaps(wanted)), None)


def free_prefix(taken: Iterable[Taken], besides: Collection[str] = ()) -> str:
    """Return the first of the candidates that overlaps no network of this machine and is not reserved."""
    taken = list(taken)
    for prefix in CANDIDATES:
        if prefix not in besides and in_the_way(prefix, taken) is None:
            return prefix
    raise MachineError(
        f"No network is free for the tests: all of {CANDIDATES[0]}.0/24 to {CANDIDATES[-1]}.0/24 are in use on this "
        "machine. Set CLASSROOM_NET to the first three numbers of a free one, for example CLASSROOM_NET=10.99.91."
    )


def _marker(run: Path, machines: MachineSet) -> Path:
    return run / "networks" / machines.bridge


def mark(checkout: Checkout, machines: MachineSet) -> None:
    """Record for other checkouts on this machine which checkout has this network."""
    marker = _marker(checkout.run, machines)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(f"{checkout.root}\n")


def unmark(checkout: Checkout, machines: MachineSet) -> None:
    """Remove that record."""
    _marker(checkout.run, machines).unlink(missing_ok=True)


def owner(checkout: Checkout, machines: MachineSet) -> str | None:
    """Return the checkout that has the network of `machines` on this machine; this one is checked first."""
    runs = [checkout.run, *sorted(checkout.run_root.glob("*"))]
    markers = (_marker(run, machines) for run in runs)
    return next((marker.read_text().strip() for marker in markers if marker.is_file()), None)


def conflict(machines: MachineSet, root: str, taken: Iterable[Taken], owned_by: str | None) -> str | None:
    """Return why the checkout at `root` cannot have the network of `machines`, or an empty text if it can.

    An interface with our name without a checkout that has recorded it was left by a killed one, and may be replaced.
    """
    others = [network for network in taken if network.interface != machines.bridge or owned_by not in (None, root)]
    found = in_the_way(machines.prefix, others)
    if found is None:
        return None
    whose, remedy = "this machine", _ELSEWHERE[machines.name]
    if found.interface == machines.bridge:
        whose = f"the checkout {owned_by}"
        remedy = f"Remove its hosts first: {owned_by}/testbed/cli.py down --set {machines.name}"
    return (
        f"The network of the set {machines.name} is in use: expected {machines.subnet} to be free, but {whose} has "
        f"{found.subnet} on the interface {found.interface}. Nothing was created. {remedy}."
    )
