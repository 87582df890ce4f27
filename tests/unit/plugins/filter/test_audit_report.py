# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.audit import SECTIONS, SHOWN_BY, audit_report

CNI0 = {"kind": "interface", "subject": "cni0", "command": "ip link", "reason": "it is in the way", "owner": "flannel"}
OLD = {"kind": "certificate", "subject": "/x.crt", "command": "openssl", "reason": "expires", "owner": "kubernetes"}


def machine(number: int, **different: Any) -> dict[str, Any]:
    """A machine that has everything for itself, and nothing wrong."""
    identity: dict[str, Any] = {
        "container": False,
        "machine_id": f"{number:032x}",
        "product_uuid": f"uuid-{number}",
        "mac_addresses": {"eth0": f"52:54:00:00:00:{number:02x}"},
        "ssh_host_keys": {"ssh-ed25519": f"SHA256:a{number}", "ssh-rsa": f"SHA256:b{number}"},
    }
    identity.update(different)
    return {
        "audit_result": {"cluster": "worker", "residue": [], "hygiene": [], "identity": identity},
        "host_result": {"changed": False, "changes": []},
        "containerd_result": {"changes": [], "versions": {"containerd": "2.4.2-1"}},
        "kubernetes_result": {"changes": [], "versions": {"kubelet": "1.36.3-1"}},
    }


def rows(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(each["host"], each["section"], each["kind"], each["subject"]) for each in report["findings"]]


def test_nothing_to_say() -> None:
    report = audit_report({"a": machine(1), "b": machine(2)}, ["a", "b"])
    assert report["findings"] == [] and report["counts"] == {}
    assert report["lines"] == ["clean: 2 of 2 machines audited, nothing found"]
    assert report["machines"]["a"]["prepared"] is True and report["machines"]["a"]["cluster"] == "worker"


@pytest.mark.parametrize(("key", "value", "kind", "subject", "command"), [
    ("machine_id", "f" * 32, "machine-id", "f" * 32, "cat /etc/machine-id"),
    ("product_uuid", "4c4c", "product_uuid", "4c4c", "cat /sys/class/dmi/id/product_uuid"),
    ("mac_addresses", {"eth1": "52:54:00:aa:aa:aa"}, "MAC address", "52:54:00:aa:aa:aa of eth1", "ip -br link"),
    ("ssh_host_keys", {"ssh-ed25519": "SHA256:x"}, "ssh host key", "ssh-ed25519",
     "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
    ("ssh_host_keys", {"ecdsa-sha2-nistp256": "SHA256:x", "ssh-rsa": "SHA256:y"}, "ssh host key",
     "ecdsa-sha2-nistp256, ssh-rsa", "ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub"),
])
def test_what_two_hosts_share_is_found_on_both(key: str, value: Any, kind: str, subject: str, command: str) -> None:
    hosts = {"a": machine(1, **{key: value}), "b": machine(2), "c": machine(3, **{key: value})}
    report = audit_report(hosts, ["a", "b", "c"])
    assert rows(report) == [("a", "same", kind, subject), ("c", "same", kind, subject)]
    assert [each["command"] for each in report["findings"]] == [command] * 2
    assert [each["reason"].split(":")[0] for each in report["findings"]] == ["the same on c", "the same on a"]


@pytest.mark.parametrize("key", ["machine_id", "product_uuid"])
def test_what_no_host_has_is_not_the_same(key: str) -> None:
    assert audit_report({"a": machine(1, **{key: ""}), "b": machine(2, **{key: ""})}, ["a", "b"])["findings"] == []


@pytest.mark.parametrize(("first", "second", "found"), [
    (False, False, True), (True, True, False), (True, False, False)])
def test_a_container_has_its_host_s_product_uuid(first: bool, second: bool, found: bool) -> None:
    hosts = {
        "a": machine(1, product_uuid="4c4c", container=first),
        "b": machine(2, product_uuid="4c4c", container=second),
    }
    assert bool(audit_report(hosts, ["a", "b"])["findings"]) == found


def test_containers_are_compared_by_everything_else() -> None:
    hosts = {"a": machine(1, container=True), "b": machine(1, container=True)}
    kinds = {kind for _host, _section, kind, _subject in rows(audit_report(hosts, ["a", "b"]))}
    assert kinds == {"machine-id", "MAC address", "ssh host key"}


def test_groups_of_clones_are_told_apart() -> None:
    hosts = {name: machine(number) for name, number in zip("abcde", (1, 1, 1, 2, 2), strict=True)}
    reasons = {
        each["host"]: each["reason"].split(":")[0]
        for each in audit_report(hosts, list(hosts))["findings"] if each["kind"] == "machine-id"
    }
    assert reasons == {
        "a": "the same on b, c", "b": "the same on a, c", "c": "the same on a, b", "d": "the same on e",
        "e": "the same on d"}


def test_a_card_with_one_address_on_two_interfaces_of_one_host_is_no_clone() -> None:
    bond = machine(1, mac_addresses={"eth0": "52:54:00:00:00:01", "eth1": "52:54:00:00:00:01"})
    assert audit_report({"a": bond, "b": machine(2)}, ["a", "b"])["findings"] == []


@pytest.mark.parametrize(("result", "kind", "reason"), [
    ({"unreachable": True, "msg": "Failed:\nssh: connect to host a port 22: Connection timed out\n"}, "unreachable",
     "ssh: connect to host a port 22: Connection timed out"),
    ({"unreachable": True, "msg": "Task failed: Make sure it can be reached: ssh: connect to host a: No route"},
     "unreachable", "ssh: connect to host a: No route"),
    ({"failed": False, "msg": "/usr/bin/python3: not found."}, "failed", "/usr/bin/python3: not found"),
    ({}, "failed", "it gave no result"),
    (None, "failed", "it gave no result"),
])
def test_a_host_that_was_not_audited_is_named(result: dict[str, Any] | None, kind: str, reason: str) -> None:
    hosts = {"a": {} if result is None else {"audit_result": result}, "b": machine(2)}
    report = audit_report(hosts, ["a", "b"])
    assert rows(report) == [("a", "not audited", kind, "a")]
    assert report["findings"][0]["reason"] == reason
    assert report["machines"]["a"] == {"audited": False, "cluster": "", "prepared": None, "identity": {}}
    assert report["lines"][-1] == "1 finding on 1 machine (1 not audited); 1 of 2 machines audited"


def test_a_host_that_hostvars_do_not_have_is_not_audited() -> None:
    assert rows(audit_report({}, ["a", "a"])) == [("a", "not audited", "failed", "a")]


def test_residue_and_hygiene_are_handed_on() -> None:
    host = machine(1)
    host["audit_result"].update(residue=[CNI0], hygiene=[OLD])
    report = audit_report({"a": host}, ["a"])
    assert report["findings"] == [
        {"host": "a", "section": section, **{key: value for key, value in each.items() if key != "owner"}}
        for section, each in (("residue", CNI0), ("hygiene", OLD))]
    assert report["counts"] == {"residue": 1, "hygiene": 1}


@pytest.mark.parametrize(("result", "change", "kind", "subject", "command", "reason"), [
    ("host_result", "kernel setting net.ipv4.ip_forward: the running kernel has another value", "kernel setting",
     "net.ipv4.ip_forward", "sysctl net.ipv4.ip_forward", "the running kernel has another value"),
    ("host_result", "file /etc/hosts: 'a: b' hides a node", "file", "/etc/hosts", "cat /etc/hosts",
     "'a: b' hides a node"),
    ("kubernetes_result", "hold kubelet: an upgrade would move it", "hold", "kubelet", "apt-mark showhold kubelet",
     "an upgrade would move it"),
    ("kubernetes_result", "packages of the host: interrupted", "packages", "of the host", "dpkg --audit",
     "interrupted"),
    ("containerd_result", "daemon-reload systemd: a unit changed", "daemon-reload", "systemd",
     "systemctl list-units --type service", "a unit changed"),
    ("firewall_result", "firewalld port 6443/tcp in zone public: the host's role needs it", "firewalld",
     "port 6443/tcp in zone public", "firewall-cmd --list-all-zones", "the host's role needs it"),
    ("host_interfaces_result", "profile internal of eth1: it is not as declared", "profile", "internal of eth1",
     "nmcli connection show", "it is not as declared"),
    ("containerd_result", "something new: of a later version", "something new", "", "", "of a later version"),
])
def test_what_a_role_would_change_has_drifted(
    result: str, change: str, kind: str, subject: str, command: str, reason: str
) -> None:
    host = machine(1)
    host.setdefault(result, {})["changes"] = [change]
    [finding] = audit_report({"a": host}, ["a"])["findings"]
    assert finding == {"host": "a", "section": "drift", "kind": kind, "subject": subject, "command": command,
                       "reason": reason}


def test_what_is_not_the_roles_to_change_has_drifted_as_well() -> None:
    host = machine(1)
    host["host_result"]["findings"] = ["time server 192.0.2.1: it does not answer"]
    [finding] = audit_report({"a": host}, ["a"])["findings"]
    assert finding == {
        "host": "a", "section": "drift", "kind": "time server", "subject": "192.0.2.1",
        "command": "chronyc -n sources", "reason": "it does not answer"}


@pytest.mark.parametrize(("family", "command"), [
    ("redhat", "rpm --query kubelet"), ("debian", "dpkg-query --show kubelet")])
def test_a_person_is_told_what_the_host_understands(family: str, command: str) -> None:
    host = machine(1)
    host["ansible_facts"] = {"classroom_machine": {"os_family": family}}
    host["kubernetes_result"]["changes"] = ["package kubelet: it has another version"]
    [finding] = audit_report({"a": host}, ["a"])["findings"]
    assert finding["command"] == command


def test_of_two_actions_that_begin_alike_the_longer_is_tried_first() -> None:
    actions = list(SHOWN_BY)
    for number, action in enumerate(actions):
        assert not any(later.startswith(action + " ") for later in actions[number + 1:])


@pytest.mark.parametrize(("cluster", "containerd", "kubernetes", "drifted"), [
    ("none", {}, {}, False),
    ("none", {"containerd": "2"}, {}, True),
    ("none", {}, {"kubelet": "1"}, True),
    ("worker", {}, {}, True),
    ("unfinished", {}, {}, True),
])
def test_on_a_bare_host_nothing_has_drifted(
    cluster: str, containerd: dict[str, str], kubernetes: dict[str, str], drifted: bool
) -> None:
    host = machine(1)
    host["audit_result"]["cluster"] = cluster
    host["containerd_result"] = {"changes": ["package containerd: it is missing"], "versions": containerd}
    host["kubernetes_result"] = {"changes": ["package kubelet: it is missing"], "versions": kubernetes}
    report = audit_report({"a": host}, ["a"])
    assert bool(report["findings"]) == drifted
    assert report["machines"]["a"]["prepared"] == bool(containerd or kubernetes)


def test_a_host_that_the_roles_are_not_for_is_not_compared() -> None:
    utility = {"audit_result": machine(1)["audit_result"]}
    report = audit_report({"utility": utility}, ["utility"])
    assert report["findings"] == [] and report["machines"]["utility"]["prepared"] is None


@pytest.mark.parametrize(("message", "reason"), [
    ("Wanted a machine\nwith apt.", "Wanted a machine with apt"),
    ("", "see another machine for what failed for all"),
])
def test_a_role_that_could_not_compare_is_named(message: str, reason: str) -> None:
    host = {"audit_result": machine(1)["audit_result"], "_audit_failure": {"msg": message}}
    [finding] = audit_report({"a": host}, ["a"])["findings"]
    assert (finding["section"], finding["kind"]) == ("drift", "not compared")
    assert finding["reason"] == reason and finding["command"].endswith("--limit a")


def test_the_table_is_aligned_and_in_the_order_of_the_hosts() -> None:
    first, second = machine(1), machine(2)
    first["audit_result"].update(residue=[CNI0, {**CNI0, "kind": "nft table", "subject": "ip kube-proxy"}])
    second["kubernetes_result"]["changes"] = ["hold kubelet: it would move"]
    second["audit_result"]["hygiene"] = [OLD]
    report = audit_report({"z": first, "master": second, "gone": {}}, ["z", "master", "gone"])
    *lines, closing = report["lines"]
    assert lines == [
        "z       residue      interface    cni0           it is in the way  [ip link]",
        "z       residue      nft table    ip kube-proxy  it is in the way  [ip link]",
        "master  hygiene      certificate  /x.crt         expires  [openssl]",
        "master  drift        hold         kubelet        it would move  [apt-mark showhold kubelet]",
        "gone    not audited  failed       gone           it gave no result  [ansible gone -m ansible.builtin.ping]",
    ]
    assert closing == (
        "5 findings on 3 machines (1 not audited, 2 residue, 1 hygiene, 1 drift); 2 of 3 machines audited")
    assert list(report["counts"]) == [section for section in SECTIONS if section in report["counts"]]


FOREIGN_ANSWERS: list[dict[str, Any]] = [
    {"machine_id": ["x"]}, {"machine_id": {}}, {"mac_addresses": ["x"]}, {"mac_addresses": {"eth0": ["x"]}},
    {"ssh_host_keys": "x"}, {"container": "no"}, {"product_uuid": None},
]


@pytest.mark.parametrize("different", FOREIGN_ANSWERS, ids=repr)
def test_an_odd_identity_costs_only_its_host(different: dict[str, Any]) -> None:
    report = audit_report({"a": machine(1), "b": machine(2, **different), "c": machine(1)}, ["a", "b", "c"])
    [finding] = [each for each in report["findings"] if each["host"] == "b"]
    assert (finding["section"], finding["reason"]) == ("not audited", "its answer is not one of this collection's")
    assert {each["host"] for each in report["findings"]} == {"a", "b", "c"} and not report["machines"]["b"]["audited"]


@pytest.mark.parametrize(("key", "value"), [
    ("identity", ["x"]), ("identity", "x"), ("residue", ["x"]), ("residue", {"kind": "x"}),
    ("residue", [{"kind": "x"}]),
    ("hygiene", [None]), ("hygiene", 7), ("cluster", ["worker"]), ("cluster", "elsewhere"),
])
def test_an_odd_answer_costs_only_its_host(key: str, value: Any) -> None:
    odd = machine(2)
    odd["audit_result"][key] = value
    report = audit_report({"a": machine(1), "b": odd}, ["a", "b"])
    assert [(each["host"], each["reason"]) for each in report["findings"]] == [
        ("b", "its answer is not one of this collection's")]
    assert report["machines"]["a"]["audited"] and not report["machines"]["b"]["audited"]


@pytest.mark.parametrize("different", [
    {"host_result": {"changes": [7]}}, {"host_result": {"changes": "x"}}, {"containerd_result": {"versions": ["x"]}},
    {"kubernetes_result": {"changes": {"a": 1}}}, {"host_interfaces_result": {"changes": [["x"]]}},
])
def test_an_odd_drift_costs_only_its_host(different: dict[str, Any]) -> None:
    report = audit_report({"a": machine(1), "b": {**machine(2), **different}}, ["a", "b"])
    assert [(each["host"], each["kind"], each["reason"]) for each in report["findings"]] == [
        ("b", "not compared", "its answer is not one of this collection's")]


@pytest.mark.parametrize("facts", ["x", ["x"], {"classroom_machine": "x"}, {"classroom_machine": ["redhat"]}, None])
def test_odd_facts_cost_nothing(facts: Any) -> None:
    hosts = {"a": machine(1), "b": {**machine(2), "ansible_facts": facts}}
    assert audit_report(hosts, ["a", "b"])["findings"] == []
