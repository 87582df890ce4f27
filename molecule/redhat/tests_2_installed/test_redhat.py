# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests of this file are one story and run in its order; each begins where the one before has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.playbooks import FAILED, Run, ad_hoc, kept_prints, playbook
from tests.support.snapshots import all_prints, machine, machine_print
from tests.support.timings import stage

NODES = ("master", "node1")
REPOSITORY = "classroom-kubeadm"
# NetworkManager writes into it when it was last used
PROFILE = "/etc/NetworkManager/system-connections/second.nmconnection"
HELD = ("kubelet", "kubeadm", "kubectl")
# A newer kubelet in the repository, which nobody has to have signed for this
NEWER = " ".join(f"--setopt={REPOSITORY}.{option}" for option in (
    "baseurl=file:///srv/repositories/right", "gpgcheck=0", "repo_gpgcheck=0"))


def command(words: str, name: str = "master") -> str:
    return str(machine(name).check_output(words))


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def test_the_second_run_changes_nothing() -> None:
    with stage("site.yml with nothing to do"):
        run = succeeded(playbook("site.yml"))
    assert set(run.changed.values()) == {0}


def ports(*options: str) -> set[str]:
    return set(command(" ".join(["firewall-cmd", *options, "--list-ports"])).split())


def rule(port: str) -> str:
    """What lets the cluster's internal network in at a port."""
    number, protocol = port.split("/")
    return f'rule family="ipv4" source address="172.31.90.0/24" port port="{number}" protocol="{protocol}" accept'


def test_firewalld_lets_in_what_a_control_plane_needs_and_nothing_else() -> None:
    assert ports() == ports("--permanent") == {"6443/tcp", "9100/tcp"}
    for place in ("", "--permanent"):
        rules = command(f"firewall-cmd {place} --list-rich-rules").splitlines()
        assert sorted(rules) == sorted(rule(port) for port in ("10250/tcp", "8472/udp"))
        assert command(f"firewall-cmd {place} --zone=trusted --list-sources") == ""
        assert set(command(f"firewall-cmd {place} --zone=trusted --list-interfaces").split()) == {"cni0", "flannel.1"}
    command("systemctl is-active firewalld && systemctl is-enabled firewalld")


REACH = "timeout 5 bash -c '</dev/tcp/172.31.90.100/{0}'"


def test_it_really_filters() -> None:
    command("systemd-run --quiet --unit=others python3 -m http.server 9999")
    try:
        command("timeout 20 bash -c 'until (</dev/tcp/127.0.0.1/9999) 2>/dev/null; do sleep 0.2; done'")
        assert machine("node1").run(REACH.format(9999)).rc != 0
    finally:
        command("systemctl stop others")
    for port in (6443, 10250):
        command(REACH.format(port), "node1")


def test_the_kubelet_answers_in_the_internal_network_only() -> None:
    """A host of the class's network, which is not the cluster's, is let in at the API only."""
    address = command("ip -4 -json addr show dev eth0 | python3 -c "
                      "'import json, sys; print(json.load(sys.stdin)[0][\"addr_info\"][0][\"local\"])'").strip()
    reach = "timeout 5 bash -c '</dev/tcp/{0}/{1}'"
    assert machine("node1").run(reach.format(address, 10250)).rc != 0
    command(reach.format(address, 6443), "node1")


def test_pods_are_reached_across_it() -> None:
    pods = json.loads(command("kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get pods -o json "
                              "-l k8s-app=kube-dns"))["items"]
    [one, *_more] = [pod for pod in pods if pod["spec"]["nodeName"] == "master"]
    metrics = f"http://{one['status']['podIP']}:9153/metrics"
    assert "coredns_build_info" in command(f"curl -sSf --max-time 5 {metrics}", "node1")
    succeeded(playbook("verify.yml"))


def test_the_nodes_addresses_are_of_the_internal_network_and_the_default_route_is_not() -> None:
    nodes = json.loads(command("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o json"))["items"]
    addresses = {"master": "172.31.90.100", "node1": "172.31.90.101"}
    found = {node["metadata"]["name"]: [each["address"] for each in node["status"]["addresses"]
                                        if each["type"] == "InternalIP"] for node in nodes}
    assert found == {name: [address] for name, address in addresses.items()}
    assert {node["metadata"]["name"]: node["metadata"]["annotations"]["flannel.alpha.coreos.com/public-ip"]
            for node in nodes} == addresses
    for name, address in addresses.items():
        assert "server: https://172.31.90.100:6443" in command("cat /etc/kubernetes/kubelet.conf", name)
        assert f"local {address} dev eth1" in command("ip -details link show flannel.1", name)
        assert f"{address} {name}" in command("cat /etc/hosts", name)
        route = command("ip route show default", name)
        assert "dev eth0" in route and "eth1" not in route


def test_networkmanager_leaves_the_interfaces_of_kubernetes_alone() -> None:
    lines = command("nmcli --terse --fields DEVICE,STATE device").splitlines()
    states = dict(line.split(":", 1) for line in lines)
    theirs = {name: state for name, state in states.items() if name.startswith(("cni", "flannel", "veth"))}
    assert len(theirs) > 2 and set(theirs.values()) == {"unmanaged"}
    assert states["eth1"] == "connected" and states["eth0"].startswith("connected")
    assert command("nmcli --get-values ipv4.never-default connection show second") == "yes"


NETWORK_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a zone that does not exist": (
        {"firewall_zone": "classroom"}, "does not exist: expected one of block, dmz, drop"),
    "a network that no machine has": (
        {"cluster_internal_network": "172.31.91.0/24"}, "with an address in 172.31.91.0/24, found"),
    "an interface that no machine has": (
        {"cluster_external_network": "eth7"}, "of this host with the name eth7, found"),
    "a network that two interfaces have": (
        {"cluster_internal_network": "128.0.0.0/1"}, "expected one interface of this host"),
    "what would cut the connection": (
        {"host_interfaces_unmanaged": ["eth*"]}, "interface of this SSH connection, found eth0"),
}


@pytest.mark.parametrize(("spec", "says"), NETWORK_REFUSED.values(), ids=NETWORK_REFUSED)
def test_networks_and_zones_that_are_not_there_are_refused(spec: dict[str, Any], says: str) -> None:
    before = machine_print("master")
    run = playbook("site.yml", "--limit", "master", "-e", json.dumps(spec))
    assert run.status == FAILED and run.changed["master"] == 0, run.output
    assert says in run.failures["master"]
    assert machine_print("master") == before


@pytest.mark.parametrize(("rules", "says"), [
    ("add table inet own; add chain inet own input { type filter hook input priority 0; policy drop; }; "
     "add rule inet own input tcp dport 22 accept; add rule inet own input ct state established accept",
     "expected 10250/tcp, 8472/udp open for other hosts, found that the chain input of nftables' table inet own"),
    ("add table inet own; add chain inet own forward { type filter hook forward priority 0; policy drop; }",
     "The traffic of pods is blocked: expected it to be forwarded, "
     "found that the chain forward of nftables' table inet own drops it"),
])
def test_a_firewall_of_the_administrators_that_would_block_is_named(rules: str, says: str) -> None:
    command(f"nft '{rules}'", "node1")
    try:
        run = playbook("site.yml", "--limit", "node1")
    finally:
        command("nft delete table inet own", "node1")
    assert run.status == FAILED and run.changed["node1"] == 0, run.output
    assert says in run.failures["node1"]


def test_both_families_are_one_cluster() -> None:
    nodes = json.loads(command("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o json"))["items"]
    assert {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {
        "master": "v1.36.3", "node1": "v1.36.3"}
    assert "apt-mark" not in command("rpm --query --all") and "kubelet" in command("apt-mark showhold", "node1").split()


@pytest.mark.parametrize("package", [*HELD, "containerd"])
def test_packages_are_of_the_exact_version_and_signed(package: str) -> None:
    version = "2.4.2" if package == "containerd" else "1.36.3"
    assert command(f"rpm --query --queryformat '%{{VERSION}}' {package}") == version
    assert "Key ID" in command(f"rpm --query --queryformat '%{{RSAHEADER:pgpsig}}' {package}")


@pytest.mark.parametrize("words", ["upgrade", "upgrade kubelet", "install kubelet-1.99.0-1", "upgrade --best kubelet"])
@pytest.mark.usefixtures("key")
def test_no_other_dnf_moves_them(words: str) -> None:
    before = command("rpm --query kubelet")
    said = machine("master").run(f"dnf --assumeyes --refresh {NEWER} {words}")
    assert command("rpm --query kubelet") == before, said.stdout
    lifted = machine("master").run(f"dnf --assumeno --refresh {NEWER} --disableexcludes={REPOSITORY} {words}")
    assert "1.99.0" in lifted.stdout, "it could not have been moved at all"


def test_a_list_of_what_there_is_does_not_tempt_anybody() -> None:
    listed = command(f"dnf --quiet --repo={REPOSITORY} list --available --showduplicates || true")
    assert [line for line in listed.splitlines() if line.startswith(HELD)] == []


def spec(key: str, name: str = "small", version: str = "1.1", **repository: Any) -> dict[str, Any]:
    return {
        "repository": {"name": "small", "uri": "file:///srv/repositories/right", "signed_by": key, **repository},
        "packages": [{"name": name, "version": version}],
    }


@contextmanager
def no_room() -> Iterator[None]:
    """dnf's own directory on a disk that is full."""
    command("mount -t tmpfs -o size=64k tmpfs /var/cache/dnf && cp /bin/bash /var/cache/dnf/full 2>/dev/null || true")
    try:
        yield
    finally:
        command("umount /var/cache/dnf")


SIGNED = "signed with the given key, found it, or a package of it, unsigned or signed with another one"
REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the server is down": ({"uri": "http://127.0.0.1:9/rpm"}, (
        "expected the metadata of http://127.0.0.1:9/rpm, found that it cannot be fetched", "server is up")),
    "its metadata is not signed": ({"uri": "file:///srv/repositories/unsigned"}, (SIGNED, "repositories/unsigned")),
    "its metadata is signed by another": ({"uri": "file:///srv/repositories/other-metadata"}, (
        SIGNED, "expected file:///srv/repositories/other-metadata signed", "Bad GPG signature")),
    "its packages are signed by another": ({"uri": "file:///srv/repositories/other-packages"}, (SIGNED, "small-1.1")),
    "a package is damaged": ({"uri": "file:///srv/repositories/damaged"}, (
        "found files with other contents", "small-1.1")),
    "the version is not there": ({"version": "2.0"}, (
        "expected small 2.0, found 1.1-1, 1.0-1 in file:///srv/repositories/right. Choose one of those",)),
    "the key has another fingerprint": ({"fingerprints": ["AA BB"]}, ("expected the fingerprint AABB, found",)),
}


@pytest.mark.parametrize(("repository", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_by_name_and_nothing_changed(
    key: str, repository: dict[str, Any], says: tuple[str, ...]
) -> None:
    before = machine_print("master")
    run = ad_hoc("master", "classroom.kubeadm.package_service", spec(key, **repository))
    assert run.status == FAILED, run.output
    assert [words for words in says if words not in run.output] == [], run.output
    assert machine_print("master") == before


def test_a_full_disk_is_named(key: str) -> None:
    before = machine_print("master")
    with no_room():
        run = ad_hoc("master", "classroom.kubeadm.package_service", spec(key))
    assert run.status == FAILED and "found the disk full" in run.output, run.output
    assert machine_print("master") == before


def test_another_dnf_is_waited_for_and_then_it_is_installed(key: str) -> None:
    # dnf's own lock: the number of a process that lives
    command("sh -c 'sleep 8 & echo -n $! | tee /run/other > /var/lib/dnf/rpmdb_lock.pid'")
    run = succeeded(ad_hoc("master", "classroom.kubeadm.package_service", spec(key, version="1.0")))
    assert "master | CHANGED" in run.output and command("rpm --query small") == "small-1.0-1.noarch"
    command("test ! -e /proc/$(cat /run/other)")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_up_and_down_and_nothing_twice(key: str, version: str) -> None:
    run = succeeded(ad_hoc("master", "classroom.kubeadm.package_service", spec(key, version=version)))
    assert "master | CHANGED" in run.output and command("rpm --query small") == f"small-{version}-1.noarch"
    run = succeeded(ad_hoc("master", "classroom.kubeadm.package_service", spec(key, version=version)))
    assert "master | SUCCESS" in run.output


@pytest.mark.parametrize("version", ["1.0", "1.1"], ids=["an installation", "an upgrade"])
def test_an_interrupted_transaction_is_finished(key: str, version: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(ad_hoc, "master", "classroom.kubeadm.package_service", spec(key, "slow", version))
        command(f"timeout 60 sh -c 'until [ -e /run/slow-{version} ]; do sleep 0.1; done'")
        command("kill -9 $(cat /var/lib/dnf/rpmdb_lock.pid); pkill -x sleep")
        assert killed.result().status == FAILED and "expected an exit status, found signal 9" in killed.result().output
    run = succeeded(ad_hoc("master", "classroom.kubeadm.package_service", spec(key, "slow", version)))
    assert "master | CHANGED" in run.output and "an earlier installation was interrupted" in run.output
    assert command("rpm --query slow").splitlines() == [f"slow-{version}-1.noarch"]
    assert "master | SUCCESS" in ad_hoc(
        "master", "classroom.kubeadm.package_service", spec(key, "slow", version)).output


def test_bare_is_what_was_before() -> None:
    with stage("reset.yml to bare"):
        succeeded(playbook(
            "reset.yml", "--limit", "k8s_cluster", "-e", "reset_confirm=true", "-e", "reset_level=bare"))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    different = {name: sorted(lines ^ set(before[name])) for name, lines in all_prints(NODES).items()}
    assert {name: [line for line in lines if PROFILE not in line] for name, lines in different.items()} == {
        name: [] for name in NODES
    }
    assert ports() == ports("--permanent") == {"9100/tcp"}
    assert command("firewall-cmd --zone=trusted --list-interfaces; firewall-cmd --list-rich-rules").strip() == ""
    profile = command("cat " + PROFILE)
    assert "gateway=172.31.90.1" in profile and "never-default" not in profile
    left = command("find /var/cache/dnf -name 'classroom*'; ls /etc/yum.repos.d /etc/cni 2>/dev/null || true")
    assert left.split() == ["/etc/yum.repos.d:", "distribution.repo"]
