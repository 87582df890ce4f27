# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a machine is, and what on it will be wrong soon. Certificates and ssh keys are made by their own tools."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._audit import addresses as audit_addresses
from ansible_collections.classroom.kubeadm.plugins.module_utils._audit import certificates, hygiene, identity
from ansible_collections.classroom.kubeadm.plugins.module_utils._audit.addresses import Recorded
from ansible_collections.classroom.kubeadm.plugins.module_utils._audit.certificates import Source
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.model import Finding
from tests.unit.support.kubeadm_lab import Authority, Lab, kubeconfig_text, kubelet_conf

ID = "0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa"
DAY = 86400
ADDRESS = "192.0.2.101"
CURRENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "pki")


def pem(authority: Authority, name: str, subject: str = "/CN=x", days: int = 365, san: str = "IP:127.0.0.1") -> str:
    return authority.issue(name, subject, days, san)[0].read_text()


def machine_of(lab: Lab, addresses: Mapping[str, str], rc: int = 0) -> NodeContext:
    """The lab's machine with these addresses by interface."""
    links = [{"ifname": name, "addr_info": [{"scope": "global", "local": address, "prefixlen": 24}]}
             for name, address in addresses.items()]

    def run(argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
            env: Mapping[str, str] | None = None) -> Completed:
        assert list(argv) == ["ip", "-j", "addr"]
        return Completed(rc, "" if rc else json.dumps(links), "")

    return replace(lab.machine, run=run, now=time.time)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.write("/etc/machine-id", ID + "\n")
    return lab


@pytest.fixture
def control_plane(lab: Lab, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Everything that a fresh control plane has."""
    monkeypatch.setattr(hygiene, "own_name", lambda: "master")
    lab.write("/etc/kubernetes/pki/ca.crt", authority.pem)
    for name in ("apiserver", "apiserver-kubelet-client", "etcd/server", "etcd/healthcheck-client"):
        san = "DNS:kubernetes,DNS:master,IP:10.96.0.1,IP:" + ADDRESS
        lab.write(f"/etc/kubernetes/pki/{name}.crt", pem(authority, name.replace("/", "-"), san=san))
    for name in ("admin", "scheduler"):
        text = kubeconfig_text("https://192.0.2.101:6443", authority.pem, pem(authority, name), "key")
        lab.write(f"/etc/kubernetes/{name}.conf", text)
    lab.write("/etc/kubernetes/kubelet.conf", kubelet_conf("https://192.0.2.101:6443", authority.pem))
    lab.write(CURRENT, pem(authority, "k", "/O=system:nodes/CN=system:node:master"))
    lab.write("/var/lib/kubelet/pki/kubelet.crt", pem(authority, "serving", "/CN=master@1"))
    lab.write("/var/lib/kubelet/kubeadm-flags.env",
              f'KUBELET_KUBEADM_ARGS="--node-ip={ADDRESS} --register-with-taints=a:b"\n')
    lab.write("/etc/kubernetes/manifests/kube-apiserver.yaml",
              f"    - kube-apiserver\n    - --advertise-address={ADDRESS}\n    - --v=2\n")
    lab.write("/etc/kubernetes/manifests/etcd.yaml",
              f"    - --initial-advertise-peer-urls=https://{ADDRESS}:2380\n")
    return lab


def subjects(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.subject) for finding in findings]


# The whole


def test_nothing_is_found_on_a_fresh_control_plane(control_plane: Lab) -> None:
    assert hygiene.find(machine_of(control_plane, {"eth0": ADDRESS}), ADDRESS, 30) == ()


def test_nothing_is_found_on_a_host_without_a_cluster(lab: Lab) -> None:
    assert hygiene.find(machine_of(lab, {"eth0": ADDRESS}), ADDRESS, 30) == ()


def test_every_finding_is_complete_and_of_a_known_kind(control_plane: Lab, authority: Authority) -> None:
    control_plane.write("/etc/machine-id", "")
    control_plane.write("/etc/kubernetes/pki/apiserver.crt", "no certificate")
    control_plane.write("/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=--hostname-override=other\n")
    found = hygiene.find(machine_of(control_plane, {"eth0": "192.0.2.7"}), "192.0.2.7", 400)
    assert {finding.kind for finding in found} == set(hygiene.KINDS)
    for finding in found:
        assert finding.subject and finding.command and finding.reason
        assert not finding.reason.endswith(".") and "\n" not in finding.reason


# Certificates


@pytest.mark.parametrize(("days", "warned", "said"), [
    (365, 30, ""),
    (31, 30, ""),
    (30, 30, "in 29 days"),
    (3, 30, "in 2 days"),
    (3, 2, ""),
    (1, 0, ""),
])
def test_a_certificate_near_its_end(authority: Authority, days: int, warned: int, said: str) -> None:
    text = pem(authority, "near", days=days)
    # The last second before the whole number of days is over
    finding = certificates.check_certificate(Source("/x.crt", text, "look"), x509.read(text).not_before + 1, warned)
    assert (finding is None) == (said == "")
    if finding:
        assert said in finding.reason and finding.command == "look" and finding.kind == "certificate"


@pytest.mark.parametrize(("moment", "said"), [
    (time.time() + 3 * DAY, "expired on"),
    (time.time() - 9 * DAY, "is valid from"),
])
def test_a_certificate_outside_of_its_time(authority: Authority, moment: float, said: str) -> None:
    finding = certificates.check_certificate(Source("/x.crt", pem(authority, "short", days=2), ""), moment, 30)
    assert finding is not None and said in finding.reason


@pytest.mark.parametrize("text", [
    "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_named(text: str) -> None:
    finding = certificates.check_certificate(Source("/x.crt", text, ""), time.time(), 30)
    assert finding is not None and "certificate" in finding.reason


@pytest.mark.parametrize(("path", "remedy"), [
    ("/etc/kubernetes/pki/apiserver.crt", "kubeadm certs renew apiserver'"),
    ("/etc/kubernetes/pki/etcd/healthcheck-client.crt", "renew etcd-healthcheck-client'"),
    ("/etc/kubernetes/pki/ca.crt", "only a new cluster has a new CA"),
    ("/etc/kubernetes/admin.conf", "renew admin.conf'"),
    ("/var/lib/kubelet/pki/kubelet-client-current.pem", "has to join again"),
    ("/var/lib/kubelet/pki/kubelet.crt", "restarted"),
    ("/etc/kubernetes/pki/mine.crt", "clients that use it are rejected"),
])
def test_each_place_of_a_certificate_is_looked_at_and_has_its_remedy(
    control_plane: Lab, authority: Authority, path: str, remedy: str
) -> None:
    text = pem(authority, "dying", "/CN=system:node:master", days=5, san="IP:" + ADDRESS)
    if path.endswith(".conf"):
        text = kubeconfig_text("https://x", authority.pem, text, "key")
    control_plane.write(path, text)
    [finding] = hygiene.find(machine_of(control_plane, {"eth0": ADDRESS}), ADDRESS, 30)
    assert finding.subject == path and remedy in finding.reason and path in finding.command


def test_certificates_that_the_kubelet_does_not_use_any_more_are_left_out(
    control_plane: Lab, authority: Authority
) -> None:
    dying = pem(authority, "former", days=1)
    control_plane.write("/var/lib/kubelet/pki/kubelet-client-2025-01-01-00-00-00.pem", dying)
    control_plane.write("/var/lib/kubelet/pki/kubelet.crt", dying)
    control_plane.write("/var/lib/kubelet/pki/kubelet-server-current.pem", pem(authority, "served"))
    assert hygiene.find(machine_of(control_plane, {"eth0": ADDRESS}), ADDRESS, 30) == ()


@pytest.mark.parametrize("path", ["/etc/kubernetes/admin.conf", "/var/lib/kubelet/pki/kubelet-client-current.pem"])
def test_the_command_of_a_finding_shows_it(control_plane: Lab, authority: Authority, path: str) -> None:
    source = next(one for one in certificates.certificate_sources(control_plane.machine.root) if one.path == path)
    command = source.command.replace(path, str(control_plane.base) + path)
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert "notAfter=" in shown and "subject=" in shown


@pytest.mark.parametrize("alternatives", [
    "DNS:kubernetes.default,IP:10.96.0.1,IP:192.0.2.1", "IP:2001:db8::1", "DNS:a,email:x@example.com,DNS:b"])
def test_alternative_names_are_read_as_openssl_was_told(authority: Authority, alternatives: str) -> None:
    wanted = [each.split(":", 1)[1] for each in alternatives.split(",") if not each.startswith("email")]
    assert list(x509.alternative_names(pem(authority, "san", san=alternatives))) == wanted


def test_a_certificate_without_alternative_names_has_none(authority: Authority) -> None:
    assert x509.alternative_names(authority.pem) == ()
    with pytest.raises(ClassroomError):
        x509.alternative_names("nothing")


# Addresses


@pytest.mark.parametrize(("noted", "own", "inventory", "said"), [
    ((ADDRESS,), {ADDRESS}, ADDRESS, ""),
    ((ADDRESS,), {ADDRESS}, "", ""),
    ((ADDRESS,), {ADDRESS}, "node1.example.com", ""),
    ((ADDRESS, "192.0.2.9"), {ADDRESS}, ADDRESS, ""),
    (("2001:DB8:0::1",), {"2001:db8::1"}, "2001:db8::1", ""),
    # The machine moved, and the inventory with it, or not
    ((ADDRESS,), {"192.0.2.7"}, "192.0.2.7", "does not have any more (it has 192.0.2.7)"),
    ((ADDRESS,), {"192.0.2.7"}, "", "does not have any more"),
    ((ADDRESS,), set(), "", "it has none"),
    # Only the inventory says otherwise
    ((ADDRESS,), {ADDRESS, "10.0.2.15"}, "10.0.2.15", "the inventory says 10.0.2.15"),
    # Whoever cannot be asked is not judged, but the inventory is
    ((ADDRESS,), None, "", ""),
    ((ADDRESS,), None, "192.0.2.7", "the inventory says 192.0.2.7"),
    ((), {ADDRESS}, "", ""),
])
def test_an_address_since_init(noted: tuple[str, ...], own: set[str] | None, inventory: str, said: str) -> None:
    found = audit_addresses.check_addresses([Recorded("/x", noted, "look", "it")], own, inventory)
    assert bool(found) == bool(said)
    if said:
        assert said in found[0].reason


@pytest.mark.parametrize(("own", "inventory"), [("192.0.2.7", "192.0.2.7"), ("192.0.2.7", ""), (ADDRESS, "192.0.2.7")])
def test_all_places_of_a_changed_address_are_named(control_plane: Lab, own: str, inventory: str) -> None:
    assert subjects(hygiene.find(machine_of(control_plane, {"eth0": own}), inventory, 30)) == [
        ("address", "/etc/kubernetes/manifests/kube-apiserver.yaml"),
        ("address", "/etc/kubernetes/pki/apiserver.crt"),
        ("address", "/etc/kubernetes/manifests/etcd.yaml"),
        ("address", "/var/lib/kubelet/kubeadm-flags.env"),
    ]


def test_addresses_of_the_cluster_itself_are_not_the_host_s(control_plane: Lab) -> None:
    machine = machine_of(control_plane, {"eth0": "192.0.2.7", "kube-ipvs0": "10.96.0.1", "cni0": ADDRESS})
    assert len(hygiene.find(machine, "", 30)) == 4


def test_a_host_that_reports_no_addresses_is_not_checked(control_plane: Lab) -> None:
    assert hygiene.find(machine_of(control_plane, {}, rc=127), "", 30) == ()


@pytest.mark.parametrize("path", ["/etc/default/kubelet", "/etc/sysconfig/kubelet"])
def test_a_person_s_node_ip_counts_more_than_kubeadm_s(control_plane: Lab, path: str) -> None:
    control_plane.write(path, "KUBELET_EXTRA_ARGS=--v=2 --node-ip 192.0.2.7\n")
    [finding] = hygiene.find(machine_of(control_plane, {"eth0": ADDRESS}), ADDRESS, 30)
    assert (finding.subject, finding.command) == (path, "grep node-ip " + path)


# Identity


@pytest.mark.parametrize(("text", "good"), [
    (ID, True), ("", False), ("uninitialized", False), ("0" * 32, False), (ID.upper(), False), (ID + "0", False)])
def test_a_machine_id(text: str, good: bool) -> None:
    assert (identity.check_machine_id(text) == ()) == good


@pytest.mark.parametrize(("certified", "name", "override", "found"), [
    ("system:node:master", "master", "", False),
    ("system:node:master", "node1", "", True),
    ("system:node:seat7", "master", "seat7", False),
    ("system:node:seat7", "seat7", "seat8", True),
    ("kubernetes-admin", "master", "", False),
])
def test_a_kubelet_with_the_identity_of_another_host(
    control_plane: Lab, authority: Authority, monkeypatch: pytest.MonkeyPatch, certified: str, name: str,
    override: str, found: bool
) -> None:
    monkeypatch.setattr(hygiene, "own_name", lambda: name)
    control_plane.write(CURRENT, pem(authority, "node", "/CN=" + certified))
    if override:
        control_plane.write("/var/lib/kubelet/kubeadm-flags.env", f'X="--hostname-override={override}"\n')
    kinds = [kind for kind, _subject in subjects(hygiene.find(machine_of(control_plane, {"eth0": ADDRESS}), "", 30))]
    assert kinds == (["node name"] if found else [])


def test_fingerprints_are_those_of_ssh_keygen(lab: Lab, tmp_path: Path) -> None:
    wanted = {}
    for kind, name in (("ed25519", "ssh-ed25519"), ("ecdsa", "ecdsa-sha2-nistp256")):
        path = tmp_path / f"etc/ssh/ssh_host_{kind}_key"
        path.parent.mkdir(exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        shown = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
        wanted[name] = shown.split()[1]
    lab.write("/etc/ssh/ssh_host_rsa_key.pub", "")
    lab.write("/etc/ssh/ssh_host_dsa_key.pub", "ssh-dss not/base64! x")
    assert identity.ssh_host_keys(lab.machine.root) == wanted


LINKS = {
    # name: (device, DEVTYPE, iflink differs, address)
    "lo": (False, "", False, "00:00:00:00:00:00"),
    "enp1s0": (True, "", False, "52:54:00:00:00:01"),
    "eth0": (False, "", True, "52:54:00:00:00:02"),
    "macvlan0": (False, "macvlan", True, "52:54:00:00:00:03"),
    "veth1234": (False, "", True, "52:54:00:00:00:04"),
    "cali1234": (False, "", True, "ee:ee:ee:ee:ee:ee"),
    "cni0": (False, "bridge", False, "52:54:00:00:00:05"),
    "flannel.1": (False, "vxlan", True, "52:54:00:00:00:06"),
    "ib0": (True, "", False, "00:00:00:00:00:00"),
}


@pytest.mark.parametrize(("container", "names"), [
    (False, ["enp1s0"]), (True, ["enp1s0", "eth0", "macvlan0"])])
def test_only_the_host_s_own_interfaces_count(lab: Lab, container: bool, names: list[str]) -> None:
    if container:
        lab.write("/run/systemd/container", "podman")
    for name, (device, kind, cable, address) in LINKS.items():
        base = "/sys/class/net/" + name
        lab.write(base + "/address", address + "\n")
        lab.write(base + "/ifindex", "7\n")
        lab.write(base + "/iflink", "8\n" if cable else "7\n")
        lab.write(base + "/uevent", f"DEVTYPE={kind}\nINTERFACE=x\n" if kind else "INTERFACE=x\n")
        if device:
            lab.write(base + "/device/vendor")
    assert identity.mac_addresses(lab.machine.root) == {name: LINKS[name][3] for name in names}


def test_an_identity_is_public_facts_only(control_plane: Lab) -> None:
    control_plane.write("/sys/class/dmi/id/product_uuid", "4C4C4544-0042\n")
    control_plane.write("/etc/ssh/ssh_host_ed25519_key", "PRIVATE")
    assert identity.identity(control_plane.machine) == {
        "container": False, "machine_id": ID, "product_uuid": "4c4c4544-0042", "mac_addresses": {}, "ssh_host_keys": {}}


def test_an_identity_of_a_host_that_tells_nothing(tmp_path: Path) -> None:
    assert identity.identity(Lab(tmp_path).machine) == {
        "container": False, "machine_id": "", "product_uuid": "", "mac_addresses": {}, "ssh_host_keys": {}}
