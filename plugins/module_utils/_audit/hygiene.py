# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a machine is, and what on it will be wrong soon or has become wrong since its cluster was made.

`identity` returns what has to be different on every machine; only a comparison of several machines can judge it.
`find` returns what one machine shows alone: certificates near their end, an address that changed since `kubeadm init`
or `kubeadm join`, a machine-id that is none, a kubelet's identity that is another machine's. Both read only.
"""

from __future__ import annotations

import base64
import binascii
import glob
import hashlib
import ipaddress
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._formats import x509
from .._formats.x509 import Certificate
from .._host.container import in_container
from .._host.preflight import addresses_of
from .._kube.kubeconfig import load as load_kubeconfig
from .._kubeadm.command import (
    ADMIN_CONF,
    ETC,
    KUBELET_CERTIFICATE,
    KUBELET_CONF,
    KUBELET_DIR,
    MANIFESTS,
    PKI,
    Machine,
    machine_id,
    own_name,
)
from .._residue.model import Finding

KINDS = ("certificate", "address", "machine-id", "node name")
OWNER = "kubernetes"
KUBELET_FLAGS = KUBELET_DIR + "/kubeadm-flags.env"
# Where a person adds flags of the kubelet, in the Debian and the Red Hat family
KUBELET_EXTRA = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")
SSH_KEYS = "/etc/ssh/ssh_host_*_key.pub"
PRODUCT_UUID = "/sys/class/dmi/id/product_uuid"
MACHINE_ID = "/etc/machine-id"

_DAY = 86400.0
_IP_TIMEOUT = 10.0
_ID = re.compile(r"[0-9a-f]{32}$")
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)[= ][\"']?([^\s\"'-][^\s\"']*)")
_HOST = re.compile(r"https?://(\[[^\]]+\]|[^:/,]+)")
# Links whose addresses belong to the cluster: pods' bridges and tunnels, and where IPVS keeps the services' addresses
_CLUSTER_LINKS = ("cni", "flannel", "cilium", "cali", "vxlan", "tunl", "kube-", "nodelocaldns", "docker", "podman")
# What network plugins call the machine's end of a pod's cable
_POD_ENDS = ("veth", "cali", "lxc", "eni", "azv")
# Names of `kubeadm certs renew`, by the path of what they renew
_RENEWED: dict[str, str] = {
    PKI + "/apiserver.crt": "apiserver",
    PKI + "/apiserver-kubelet-client.crt": "apiserver-kubelet-client",
    PKI + "/apiserver-etcd-client.crt": "apiserver-etcd-client",
    PKI + "/front-proxy-client.crt": "front-proxy-client",
    PKI + "/etcd/server.crt": "etcd-server",
    PKI + "/etcd/peer.crt": "etcd-peer",
    PKI + "/etcd/healthcheck-client.crt": "etcd-healthcheck-client",
    ADMIN_CONF: "admin.conf",
    ETC + "/super-admin.conf": "super-admin.conf",
    ETC + "/controller-manager.conf": "controller-manager.conf",
    ETC + "/scheduler.conf": "scheduler.conf",
}
_CAS = tuple(PKI + "/" + name for name in ("ca.crt", "front-proxy-ca.crt", "etcd/ca.crt"))


def identity(machine: Machine) -> dict[str, Any]:
    """Public facts that no other machine may have as well, and whether this one is a container.

    `machine_id` and `product_uuid` are empty where there is none; `mac_addresses` is a mapping from the machine's own
    network interfaces, without those that a runtime, a bridge or a tunnel made; `ssh_host_keys` is a mapping from the
    type of a key to its fingerprint in the form of `ssh-keygen -l`. A container has its host's product_uuid.
    """
    return {
        "container": in_container(machine.root),
        "machine_id": machine_id(machine.root),
        "product_uuid": _word(machine.root, PRODUCT_UUID).lower(),
        "mac_addresses": mac_addresses(machine.root),
        "ssh_host_keys": ssh_host_keys(machine.root),
    }


def find(machine: Machine, address: str, days: int) -> tuple[Finding, ...]:
    """What is wrong, or will be within so many days.

    `address` is the machine's own as the inventory has it, empty when nobody knows; a name instead of an address is
    not compared. Nothing is found on a machine without a cluster but a missing machine-id.
    """
    now = machine.now()
    judged = [judge_certificate(source, now, days) for source in certificate_sources(machine.root)]
    return (
        *judge_machine_id(machine_id(machine.root)),
        *(finding for finding in judged if finding),
        *judge_addresses(recorded_addresses(machine.root), own_addresses(machine), address),
        *judge_node_name(*node_names(machine.root)),
    )


# Who a machine is


def ssh_host_keys(root: Root) -> dict[str, str]:
    """Fingerprints of the server's public keys by their type; a file that holds no key is left out."""
    found = {}
    for path in sorted(glob.glob(root(SSH_KEYS))):
        words = (read_text(path) or "").split()
        try:
            blob = base64.b64decode(words[1], validate=True)
        except (IndexError, binascii.Error):
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
        found[words[0]] = "SHA256:" + digest
    return found


def mac_addresses(root: Root) -> dict[str, str]:
    """Hardware addresses of the interfaces that the machine was given, by their names."""
    base = "/sys/class/net"
    try:
        names = sorted(os.listdir(root(base)))
    except OSError:
        return {}
    container = in_container(root)
    macs = {name: _word(root, "{0}/{1}/address".format(base, name)) for name in names
            if _is_own(root, "{0}/{1}".format(base, name), container)}
    return {name: mac for name, mac in macs.items() if mac.strip("0:")}


def _is_own(root: Root, path: str, container: bool) -> bool:
    """Whether an interface is a card, or in a container the near end of the cable that the container was given.

    A card has a device. A container's cable ends outside of it (another iflink than its own index), as a pod's
    does too, but that one is named by the network plugin.
    """
    if os.path.exists(root(path + "/device")):
        return True
    if not container or os.path.basename(path).startswith(_POD_ENDS):
        return False
    kind = [line for line in (read_text(root(path + "/uevent")) or "").splitlines() if line.startswith("DEVTYPE=")]
    return kind in ([], ["DEVTYPE=macvlan"]) and _word(root, path + "/iflink") != _word(root, path + "/ifindex")


def _word(root: Root, path: str) -> str:
    """A file of one line; some of those in /sys refuse to be read."""
    try:
        return (read_text(root(path)) or "").strip()
    except ClassroomError:
        return ""


def judge_machine_id(found: str) -> tuple[Finding, ...]:
    if _ID.match(found) and found.strip("0"):
        return ()
    said = "is missing or empty" if not found else "holds '{0}', which is no id".format(found[:40])
    return (Finding(
        "machine-id", MACHINE_ID, "cat " + MACHINE_ID,
        "{0} {1}, and the kubelet, DHCP and the journal tell machines apart by it; "
        "'systemd-machine-id-setup' makes one".format(MACHINE_ID, said)),)


# Certificates


@dataclass(frozen=True)
class Source:
    """A certificate of this machine: where it is, and how a person sees its dates. `text` is its PEM."""

    path: str
    text: str
    command: str


def certificate_sources(root: Root) -> Iterator[Source]:
    """Every certificate that the cluster on this machine works with, each once."""
    for path in (*_below(root, PKI), *_kubelet_certificates(root)):
        text = _content(root, path)
        if text:
            yield Source(path, text, "openssl x509 -noout -subject -enddate -in " + path)
    for found in sorted(glob.glob(root(ETC + "/*.conf"))):
        path = found[len(root.path):]
        text = _embedded(root, path)
        if text:
            yield Source(path, text, "sed -n 's/.*client-certificate-data: //p' {0} | base64 -d | "
                                     "openssl x509 -noout -subject -enddate".format(path))


def _below(root: Root, directory: str) -> list[str]:
    found: list[str] = []
    for place, _directories, names in os.walk(root(directory)):
        found.extend(os.path.join(place, name)[len(root.path):] for name in names if name.endswith(".crt"))
    return sorted(found)


def _kubelet_certificates(root: Root) -> Iterator[str]:
    """The ones in use: beside the link to the current one the kubelet keeps all former ones."""
    for name in ("kubelet-client-current.pem", "kubelet-server-current.pem", "kubelet.crt"):
        path = "{0}/pki/{1}".format(KUBELET_DIR, name)
        # With certificates from the cluster the self-signed one of before is not served any more.
        served = name != "kubelet.crt" or not os.path.exists(root(KUBELET_DIR + "/pki/kubelet-server-current.pem"))
        if served and os.path.exists(root(path)):
            yield path


def _content(root: Root, path: str) -> str:
    try:
        return read_text(root(path)) or ""
    except ClassroomError:
        return ""


def _embedded(root: Root, path: str) -> str:
    """The client certificate inside a kubeconfig; one that it only names is among the files, and a broken kubeconfig
    is none of hygiene's business."""
    try:
        config = load_kubeconfig(root, path)
    except ClassroomError:
        return ""
    return config.certificate if config else ""


def judge_certificate(source: Source, now: float, days: int) -> Finding | None:
    """The finding for a certificate that ends within so many days, has ended, has not begun, or is none."""
    try:
        said = _dates(x509.read(source.text), now, days)
    except ClassroomError as problem:
        said = str(problem).rstrip(".")
    if not said:
        return None
    return Finding("certificate", source.path, source.command, "{0}; {1}".format(said, _remedy(source.path)), OWNER)


def _dates(certificate: Certificate, now: float, days: int) -> str:
    problem = certificate.date_problem(now)
    if problem or certificate.not_after - now > days * _DAY:
        return problem
    return "expires on {0}, in {1:.0f} days".format(
        x509.as_date(certificate.not_after), (certificate.not_after - now) // _DAY)


def _remedy(path: str) -> str:
    """What it means when this certificate is not valid, and what to do."""
    if path in _RENEWED:
        return "the control plane stops working without it: 'kubeadm certs renew {0}', then restart its static " \
               "pods".format(_RENEWED[path])
    if path in _CAS:
        return "nothing that it signed is believed any more, and only a new cluster has a new CA"
    if path == KUBELET_CERTIFICATE:
        return "the kubelet renews it by itself while it reaches the API, and has to join again once it has expired"
    if path.startswith(KUBELET_DIR):
        return "the kubelet serves logs, exec and metrics with it, and makes a new one only when this one is removed " \
               "and the kubelet restarted"
    return "whoever uses it is refused"


# Addresses


@dataclass(frozen=True)
class Recorded:
    """Addresses that kubeadm or a person wrote down for this machine: one of them has to be right.

    `what` continues "is ...", as in "the address that the API server advertises".
    """

    subject: str
    addresses: tuple[str, ...]
    command: str
    what: str


def recorded_addresses(root: Root) -> tuple[Recorded, ...]:
    """What was written down at init or join, in the order in which a person would put it right."""
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
    # As in the kubelet's unit: what a person added comes behind kubeadm's flags, and the last one counts.
    for path in (*KUBELET_EXTRA, KUBELET_FLAGS):
        address = _flags(_content(root, path)).get("node-ip", "")
        if address:
            yield Recorded(path, tuple(address.split(",")), "grep node-ip " + path, "the kubelet's --node-ip")
            return


def _flags(text: str) -> dict[str, str]:
    return dict(_FLAG.findall(text))


def _as_address(text: str) -> str:
    """The address in its one canonical form, empty for a name."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def own_addresses(machine: Machine) -> frozenset[str] | None:
    """The addresses on the machine's interfaces, None when it does not tell them."""
    answer = machine.run(["ip", "-j", "addr"], timeout=_IP_TIMEOUT, check=False)
    try:
        found = addresses_of(answer.out) if answer.rc == 0 else None
    except (ValueError, LookupError):
        return None
    return None if found is None else frozenset(
        one.address for one in found if not one.interface.startswith(_CLUSTER_LINKS))


def judge_addresses(
    recorded: Sequence[Recorded], own: Collection[str] | None, address: str
) -> tuple[Finding, ...]:
    """A finding for every place that knows the machine by an address that it does not have, or is not to have."""
    wanted = _as_address(address)
    judged = [(one, _address_problem(one, own, wanted)) for one in recorded]
    return tuple(
        Finding("address", one.subject, one.command, problem, OWNER) for one, problem in judged if problem)


def _address_problem(recorded: Recorded, own: Collection[str] | None, wanted: str) -> str:
    noted = [_as_address(each) or each for each in recorded.addresses]
    if wanted in noted or not (noted or wanted):
        return ""
    listed = " and ".join(noted) or "no address"
    if own is not None and not set(noted) & set(own):
        return "{0} is {1}, which this machine does not have any more ({2}): nobody reaches it there, and a changed " \
               "address takes a reset and a new {3}".format(
                   recorded.what, listed, "it has " + ", ".join(sorted(own)) if own else "it has none", _verb(recorded))
    if wanted:
        return "{0} is {1}, and the inventory says {2}: the others look for this machine where it does not listen, " \
               "so correct the inventory, or reset the machine".format(recorded.what, listed, wanted)
    return ""


def _verb(recorded: Recorded) -> str:
    return "init" if recorded.subject.startswith((MANIFESTS, PKI)) else "join"


# The kubelet's identity


def node_names(root: Root) -> tuple[str, str]:
    """Of which Node the kubelet has the certificate, and what this machine's Node has to be called; empty: unknown."""
    text = _content(root, KUBELET_CERTIFICATE) or _embedded(root, KUBELET_CONF)
    try:
        subject = x509.read(text).common_name
    except ClassroomError:
        return "", ""
    prefix = "system:node:"
    given = _flags(_content(root, KUBELET_FLAGS)).get("hostname-override", "")
    return subject[len(prefix):] if subject.startswith(prefix) else "", (given or own_name()).lower()


def judge_node_name(certified: str, wanted: str) -> tuple[Finding, ...]:
    """A machine that was renamed, or cloned from a member of a cluster, has a certificate for another Node."""
    if not certified or certified == wanted:
        return ()
    return (Finding(
        "node name", KUBELET_CERTIFICATE, "openssl x509 -noout -subject -in " + KUBELET_CERTIFICATE,
        "the kubelet has the identity of the Node '{0}' on a machine named '{1}': it was renamed or cloned after its "
        "join, and may act on that Node only".format(certified, wanted), OWNER),)
