# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses in the configuration of a node that the host no longer has."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root
from .._formats import x509
from .._host.facts import addresses_of
from .._kube.context import NodeContext
from .._kube.node_paths import KUBELET_DIR, MANIFESTS, PKI
from .._residue.model import KUBERNETES, Finding
from .certificates import _content
from .identity import _CLUSTER_LINKS, _IP_TIMEOUT

KUBELET_FLAGS = KUBELET_DIR + "/kubeadm-flags.env"
# Files for additional flags of the kubelet, in the Debian and the Red Hat family.
KUBELET_EXTRA = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)[= ][\"']?([^\s\"'-][^\s\"']*)")
_HOST = re.compile(r"https?://(\[[^\]]+\]|[^:/,]+)")


@dataclass(frozen=True)
class Recorded:
    """Addresses of this host in a configuration file, one of which has to be correct.

    `what` describes their purpose, for example "the address that the API server advertises".
    """

    subject: str
    addresses: tuple[str, ...]
    command: str
    what: str


def recorded_addresses(root: Root) -> tuple[Recorded, ...]:
    """Return the addresses that were recorded at init or join, in the order in which to correct them."""
    return (*_of_api_server(root), *_of_etcd(root), *_of_kubelet(root))


def _of_api_server(root: Root) -> Iterator[Recorded]:
    manifest = MANIFESTS + "/kube-apiserver.yaml"
    advertised = _flags(_content(root, manifest)).get("advertise-address", "")
    if advertised:
        yield Recorded(manifest, (advertised,), "grep advertise-address " + manifest,
                       "the address that the API server advertises")
    path = PKI + "/apiserver.crt"
    try:
        names = x509.alternative_names(_content(root, path))
    except ClassroomError:
        return
    yield Recorded(path, tuple(name for name in names if _as_address(name)),
                   "openssl x509 -noout -ext subjectAltName -in " + path,
                   "what the API server's certificate is valid for")


def _of_etcd(root: Root) -> Iterator[Recorded]:
    manifest = MANIFESTS + "/etcd.yaml"
    peers = _HOST.findall(_flags(_content(root, manifest)).get("initial-advertise-peer-urls", ""))
    if peers:
        yield Recorded(manifest, tuple(peer.strip("[]") for peer in peers), "grep advertise-peer-urls " + manifest,
                       "the address of etcd's member")


def _of_kubelet(root: Root) -> Iterator[Recorded]:
    # As in the kubelet's unit: additional flags follow those of kubeadm, and the last one takes precedence.
    for path in (*KUBELET_EXTRA, KUBELET_FLAGS):
        address = _flags(_content(root, path)).get("node-ip", "")
        if address:
            yield Recorded(path, tuple(address.split(",")), "grep node-ip " + path, "the kubelet's --node-ip")
            return


def _flags(text: str) -> dict[str, str]:
    return dict(_FLAG.findall(text))


def _as_address(text: str) -> str:
    """Return an address in its canonical form, empty for a name."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def own_addresses(machine: NodeContext) -> frozenset[str] | None:
    """Return the addresses on the host's own interfaces, None if they cannot be read."""
    answer = machine.run(["ip", "-j", "addr"], timeout=_IP_TIMEOUT, check=False)
    try:
        found = addresses_of(answer.out) if answer.rc == 0 else None
    except (ValueError, LookupError):
        return None
    return None if found is None else frozenset(
        one.address for one in found if not one.interface.startswith(_CLUSTER_LINKS))


def check_addresses(
    recorded: Sequence[Recorded], own: Collection[str] | None, address: str
) -> tuple[Finding, ...]:
    """Return a finding for every file with an address that the host does not have or should not have.

    `address` is the expected one from the inventory, empty if unknown.
    """
    wanted = _as_address(address)
    checked = [(one, _address_problem(one, own, wanted)) for one in recorded]
    return tuple(
        Finding("address", one.subject, one.command, problem, KUBERNETES) for one, problem in checked if problem)


def _address_problem(recorded: Recorded, own: Collection[str] | None, wanted: str) -> str:
    noted = [_as_address(each) or each for each in recorded.addresses]
    if wanted in noted or not (noted or wanted):
        return ""
    listed = " and ".join(noted) or "no address"
    if own is not None and not set(noted) & set(own):
        return "{} is {}, which this host does not have any more ({}): it is not reachable there, and a changed " \
               "address takes a reset and a new {}".format(
                   recorded.what, listed, "it has " + ", ".join(sorted(own)) if own else "it has none", _verb(recorded))
    if wanted:
        return f"{recorded.what} is {listed}, and the inventory says {wanted}: other hosts use an address on which " \
               "this host does not listen, so correct the inventory, or reset the host"
    return ""


def _verb(recorded: Recorded) -> str:
    return "init" if recorded.subject.startswith((MANIFESTS, PKI)) else "join"
