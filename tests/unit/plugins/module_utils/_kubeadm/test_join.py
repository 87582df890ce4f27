# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_join: every state of a worker, in real and in check mode, in the first and the second call."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import kubeconfig
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    RequestRejected,
    Unreachable,
    Untrusted,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.join import (
    JoinResult,
    converge,
    join_document,
    result,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.join_facts import JoinSpec, validate
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue import kinds as residue
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.kinds import Finding
from tests.unit.support.kubeadm_lab import NOW, Authority, Lab, as_text, kubelet_conf

NODE = "/api/v1/nodes/node1"
TOKEN = "abcdef.0123456789abcdef"
PEM = "/var/lib/kubelet/pki/kubelet-client-current.pem"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki") / "a")
    for name in ("node1", "node2"):
        made.issue(name, "/O=system:nodes/CN=system:node:" + name)
    return made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "b")


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Somebody listens there: what is said is the fake API's part."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def spec(endpoint: str) -> JoinSpec:
    config = {
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration",
        "nodeRegistration": {"criSocket": "unix:///run/containerd/containerd.sock"},
    }
    return JoinSpec(endpoint, "node1", "192.168.90.101", config, ignored=("SystemVerification",), timeout=120)


class Builder:
    """Brings a lab's machine as far as `kubeadm join` gets."""

    def __init__(self, lab: Lab, authority: Authority, endpoint: str) -> None:
        self.lab, self.authority, self.endpoint = lab, authority, endpoint

    def bootstrap(self) -> Builder:
        self.lab.write("/etc/kubernetes/bootstrap-kubelet.conf", "token: x\n")
        return self

    def ca(self) -> Builder:
        self.lab.write("/etc/kubernetes/pki/ca.crt", self.authority.pem)
        return self

    def kubelet(self, running: bool = True) -> Builder:
        self.lab.write("/var/lib/kubelet/config.yaml", "healthzPort: 10248\n")
        self.lab.kubelet = running
        return self

    def identity(self, name: str = "node1", server: str = "") -> Builder:
        text = kubelet_conf(server or "https://" + self.endpoint, self.authority.pem)
        self.lab.write("/etc/kubernetes/kubelet.conf", text)
        pair = (self.authority.directory / (name + end) for end in (".crt", ".key"))
        self.lab.write(PEM, "".join(path.read_text() for path in pair))
        return self

    def node(self) -> Builder:
        self.lab.api.objects[NODE] = {"metadata": {"name": "node1"}}
        return self

    def member(self) -> Builder:
        return self.ca().kubelet().identity().node()

    def says(self, problem: Exception) -> Builder:
        self.lab.api.forbidden = problem
        return self

    def silent(self) -> Builder:
        self.lab.api.broken = Unreachable("no answer from the master: time ran out")
        return self


@pytest.fixture
def build(tmp_path: Path, authority: Authority, endpoint: str) -> Builder:
    lab = Lab(tmp_path)
    builder = Builder(lab, authority, endpoint)

    def reset() -> None:
        lab.kubelet = False
        for path in ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf", PEM,
                     "/etc/kubernetes/pki/ca.crt", "/var/lib/kubelet/config.yaml"):
            lab.remove(path)

    def join() -> None:
        assert not lab.exists("/etc/kubernetes/pki/ca.crt")
        lab.api.forbidden = None
        builder.member()

    def restart() -> None:
        lab.kubelet = True
        builder.node()

    lab.run.effects = {"kubeadm join": join, "kubeadm reset": reset, "systemctl restart": restart}
    lab.write("/etc/machine-id", "5f1b7a0f\n")
    return builder


@pytest.fixture
def discovery(authority: Authority, endpoint: str) -> dict[str, Any]:
    return {"kubeconfig": json.dumps(kubeconfig.discovery("https://" + endpoint, authority.pem)), "token": TOKEN}


def tree(lab: Lab) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(lab.base.rglob("*")) if path.is_file()}


STATES: dict[str, tuple[Any, str]] = {
    "clean host": (lambda build: build, "join"),
    "member": (lambda build: build.member(), "none"),
    "kubelet stopped": (lambda build: build.member().kubelet(False), "start"),
    "Node deleted": (lambda build: build.ca().kubelet().identity(), "reset and join"),
    "Node deleted and kubelet stopped": (lambda build: build.ca().kubelet(False).identity(), "reset and join"),
    "killed before the kubelet registered": (lambda build: build.ca().kubelet().identity().bootstrap(), "restart"),
    "killed before ca.crt": (lambda build: build.bootstrap(), "reset and join"),
    "killed after ca.crt": (lambda build: build.bootstrap().ca(), "reset and join"),
    "killed before the kubelet ran": (lambda build: build.bootstrap().ca().kubelet(False), "reset and join"),
    "killed before the bootstrap, token gone": (lambda build: build.bootstrap().ca().kubelet(), "reset and join"),
    "killed after the bootstrap": (lambda build: build.member().bootstrap(), "restart"),
    "kubelet.conf cut off": (
        lambda build: (build.member(), build.lab.write("/etc/kubernetes/kubelet.conf", "apiVersion: v1\nclu")),
        "reset and join"),
    "kubelet.conf empty": (
        lambda build: (build.member(), build.lab.write("/etc/kubernetes/kubelet.conf", "")), "reset and join"),
    "certificate gone": (lambda build: (build.member(), build.lab.remove(PEM)), "reset and join"),
    "certificate not accepted": (
        lambda build: build.member().says(AccessDenied("401 Unauthorized", 401)), "reset and join"),
    "the master has a new CA": (lambda build: build.member().says(Untrusted("unknown issuer", "ca")), "reset and join"),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_converges_and_check_mode_predicts(
    state: str, check_mode: bool, build: Builder, spec: JoinSpec, discovery: dict[str, Any]
) -> None:
    prepare, expected = STATES[state]
    prepare(build)
    lab = build.lab
    joins = expected in ("join", "reset and join")
    before = tree(lab)
    first = converge(spec, lab.machine, None, check_mode)
    assert first.decision.name == expected and first.decision.reason
    assert first.needs_discovery is joins
    assert first.changed is (expected != "none" and (check_mode or not joins))
    if check_mode or joins or expected == "none":
        assert tree(lab) == before and lab.run.changes() == []
    if check_mode:
        return
    if joins:
        second = converge(spec, lab.machine, discovery, False)
        assert (second.decision.name, second.changed, second.needs_discovery) == (expected, True, False)
        assert any(line.startswith("kubeadm reset") for line in lab.run.said) is (expected == "reset and join")
    last = converge(spec, lab.machine, None, False)
    assert (last.decision.name, last.changed) == ("none", False)
    assert not lab.exists("/etc/kubernetes/bootstrap-kubelet.conf")
    assert not lab.exists("/run/classroom-kubeadm")


REFUSED: dict[str, tuple[Any, str]] = {
    "the API is silent, kubelet stopped": (
        lambda build: build.member().kubelet(False).silent(), r"control plane 127.0.0.1:\d+ is unreachable"),
    "another cluster's worker": (
        lambda build: build.member().identity(server="https://10.0.0.9:6443").says(Untrusted("unknown issuer", "ca")),
        r"another cluster: expected the one at 127.0.0.1.*found the one at 10.0.0.9:6443 \(CA sha256:.*allow_reset"),
    "a copy of another host": (
        lambda build: build.member().identity("node2"), "another name: expected node1, found node2"),
    "a control plane": (
        lambda build: build.lab.write("/etc/kubernetes/manifests/kube-apiserver.yaml"), "has control plane files"),
    "etcd's data": (lambda build: build.lab.write("/var/lib/etcd/member/x"), "has control plane files"),
    "clock": (lambda build: build.member().says(Untrusted("not yet valid", "dates")), "Check the clocks"),
    "address": (lambda build: build.member().says(Untrusted("IP mismatch", "name")), "address of control plane"),
    "403": (lambda build: build.member().says(AccessDenied("403", 403)), "Cannot determine whether node1"),
    "something else": (
        lambda build: build.member().says(RequestRejected("418", 418)), "Cannot determine whether node1"),
    "a kubelet.conf of another form": (
        lambda build: (
            build.member(), build.lab.write("/etc/kubernetes/kubelet.conf", "clusters: [{name: x}]\nusers: []\n")),
        "kubelet.conf is not a complete kubeconfig.*Cannot determine to which cluster.*Nothing was changed"),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", REFUSED)
def test_nothing_is_reset_on_a_guess(
    state: str, check_mode: bool, build: Builder, spec: JoinSpec, discovery: dict[str, Any]
) -> None:
    prepare, words = REFUSED[state]
    prepare(build)
    before = tree(build.lab)
    for given in (None, discovery):
        with pytest.raises(ClassroomError, match=words):
            converge(spec, build.lab.machine, given, check_mode)
    assert tree(build.lab) == before
    assert build.lab.run.changes() == []


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_a_silent_api_is_no_failure_for_a_healthy_worker(build: Builder, spec: JoinSpec, check_mode: bool) -> None:
    build.member().silent()
    outcome = converge(spec, build.lab.machine, None, check_mode)
    assert (outcome.decision.name, outcome.changed, outcome.needs_discovery) == ("undecided", False, False)
    assert "is unreachable" in outcome.warnings[0]


def with_(spec: JoinSpec, **values: Any) -> JoinSpec:
    return JoinSpec(**{**spec.__dict__, **values})


def test_another_clusters_worker_is_known_by_the_hash_while_the_api_is_silent(
    build: Builder, spec: JoinSpec, stranger: Authority
) -> None:
    build.member().identity(server="https://10.0.0.9:6443").silent()
    strange = with_(spec, ca_hash=x509.discovery_hash(stranger.pem))
    with pytest.raises(ClassroomError, match=r"\(CA sha256:.*10.0.0.9:6443 \(CA sha256:"):
        converge(strange, build.lab.machine, None, False)


def test_leaving_another_cluster_can_be_allowed(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    build.member().identity(server="https://10.0.0.9:6443").says(Untrusted("unknown issuer", "ca"))
    outcome = converge(with_(spec, allow_reset=True), build.lab.machine, None, True)
    assert outcome.decision.name == "reset and join" and "leaving it is allowed" in outcome.decision.reason
    build.identity("node2")
    outcome = converge(with_(spec, allow_reset=True), build.lab.machine, None, True)
    assert outcome.decision.name == "reset and join"


def test_a_stranger_at_the_right_address_is_not_believed(build: Builder, spec: JoinSpec, authority: Authority) -> None:
    build.member().says(Untrusted("unknown issuer", "ca"))
    ours = with_(spec, ca_hash=x509.discovery_hash(authority.pem))
    with pytest.raises(ClassroomError, match="does not belong to the requested cluster"):
        converge(ours, build.lab.machine, None, False)


def test_a_token_of_another_cluster_is_refused_before_anything_is_reset(
    build: Builder, spec: JoinSpec, discovery: dict[str, Any], stranger: Authority
) -> None:
    build.bootstrap().ca()
    strange = with_(spec, ca_hash=x509.discovery_hash(stranger.pem))
    with pytest.raises(ClassroomError, match="The token belongs to another cluster: expected the CA"):
        converge(strange, build.lab.machine, discovery, False)
    assert build.lab.run.said == []


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Unreachable("no answer: refused"), "is unreachable.*Nothing was changed"),
        (Untrusted("expired", "dates"), "Nothing was changed. Check the clocks"),
    ],
)
def test_a_master_that_went_away_between_the_calls(
    build: Builder, spec: JoinSpec, discovery: dict[str, Any], problem: Exception, words: str
) -> None:
    build.bootstrap().ca()
    build.lab.api.broken = problem
    with pytest.raises(ClassroomError, match=words):
        converge(spec, build.lab.machine, discovery, False)
    assert build.lab.run.said == [] and build.lab.exists("/etc/kubernetes/bootstrap-kubelet.conf")


def test_a_master_that_forbids_anonymous_requests_answers(
    build: Builder, spec: JoinSpec, discovery: dict[str, Any]
) -> None:
    build.lab.api.broken = AccessDenied("401", 401)
    effect = build.lab.run.effects["kubeadm join"]

    def join() -> None:
        build.lab.api.broken = None
        effect()

    build.lab.run.effects["kubeadm join"] = join
    assert converge(spec, build.lab.machine, discovery, False).changed


def test_an_unreachable_master_is_named_in_the_first_call(build: Builder, spec: JoinSpec) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(ClassroomError, match=r"refused.*Nothing was changed") as caught:
        converge(with_(spec, endpoint=there), build.lab.machine, None, False)
    assert there in str(caught.value)
    assert converge(with_(spec, endpoint=there), build.lab.machine, None, True).decision.name == "join"


def test_bare_host_in_check_mode(build: Builder, spec: JoinSpec) -> None:
    build.lab.programs.clear()
    outcome = converge(spec, build.lab.machine, None, True)
    assert (outcome.decision.name, outcome.changed, outcome.needs_discovery) == ("join", True, True)
    assert not outcome.warnings
    with pytest.raises(ClassroomError, match="not installed"):
        converge(spec, build.lab.machine, None, False)


def test_a_missing_runtime_is_named(build: Builder, spec: JoinSpec) -> None:
    build.lab.sockets.clear()
    with pytest.raises(ClassroomError, match=r"/run/containerd/containerd\.sock"):
        converge(spec, build.lab.machine, None, False)


def test_a_kubeadm_of_a_killed_run_is_waited_for(build: Builder, spec: JoinSpec) -> None:
    build.lab.process(99, "kubeadm", "join", "--config", "x")
    build.bootstrap().ca()

    def end() -> None:
        build.lab.remove("/proc/99/cmdline")
        build.lab.remove("/etc/kubernetes/bootstrap-kubelet.conf")
        build.member()

    build.lab.clock.at.append((NOW + 3, end))
    outcome = converge(spec, build.lab.machine, None, False)
    assert (outcome.decision.name, outcome.changed) == ("none", False)


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_private_files_of_a_killed_run_are_removed(build: Builder, spec: JoinSpec, check_mode: bool) -> None:
    build.member()
    build.lab.write("/run/classroom-kubeadm/join.yaml", "token: " + TOKEN)
    assert not converge(spec, build.lab.machine, None, check_mode).changed
    assert build.lab.exists("/run/classroom-kubeadm") == check_mode


def test_a_kubelet_that_is_bootstrapping_is_waited_for(build: Builder, spec: JoinSpec) -> None:
    build.bootstrap().ca().kubelet()
    build.lab.clock.at.append((NOW + 3, lambda: build.identity().node()))
    outcome = converge(spec, build.lab.machine, None, False)
    assert (outcome.decision.name, outcome.changed) == ("restart", True)
    assert not build.lab.exists("/etc/kubernetes/bootstrap-kubelet.conf")


def test_the_secrets_are_in_private_files_only(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    outcome = converge(spec, build.lab.machine, discovery, False)
    run = build.lab.run
    assert run.seen["modes"] == "0o600"
    document = json.loads(run.seen["join.yaml"])
    assert document["discovery"]["tlsBootstrapToken"] == TOKEN
    assert document["discovery"]["file"]["kubeConfigPath"].endswith("/discovery.conf")
    assert TOKEN not in run.seen["discovery.conf"]
    assert "0123456789abcdef" not in " ".join(run.said)
    assert "0123456789abcdef" not in as_text(result(spec, build.lab.machine, outcome))


def test_kubeadms_failure_does_not_show_the_token(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    message = f"error: could not use token {TOKEN} (0123456789abcdef)"
    build.lab.run.failures["kubeadm join"] = Completed(1, "", message)
    with pytest.raises(ClassroomError) as caught:
        converge(spec, build.lab.machine, discovery, False)
    assert "0123456789abcdef" not in str(caught.value) and "(hidden)" in str(caught.value)


def test_a_ready_node_of_the_same_name_is_explained(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    build.lab.run.failures["kubeadm join"] = Completed(
        1, "", 'error: error execution phase kubelet-start: a Node with name "node1" and status "Ready" already exists '
        "in the cluster. You must delete the existing Node or change the name of this new joining Node")
    with pytest.raises(ClassroomError, match=r"Cannot join as node1.*kubectl delete node node1"):
        converge(spec, build.lab.machine, discovery, False)


def test_a_node_that_does_not_register_is_named(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    build.lab.run.effects["kubeadm join"] = lambda: build.ca().kubelet().identity()
    with pytest.raises(ClassroomError, match="has no Node node1 after 60 s"):
        converge(spec, build.lab.machine, discovery, False)


def test_the_reset_takes_the_pod_network_along(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    build.bootstrap().ca()
    for path in ("/var/lib/cni/networks/cbr0/10.244.1.2", "/run/flannel/subnet.env", "/var/log/pods/x/0.log"):
        build.lab.write(path)
    converge(spec, build.lab.machine, discovery, False)
    assert not any(build.lab.exists(path) for path in ("/var/lib/cni", "/run/flannel", "/var/log/pods"))


@pytest.mark.parametrize("path", ["/run/flannel/subnet.env", "/sys/class/net/cni0/address"])
def test_a_pod_network_without_a_membership_is_removed_before_the_join(
    path: str, build: Builder, spec: JoinSpec, discovery: dict[str, Any]
) -> None:
    """`kubeadm reset` by hand leaves it, and pods would get no address if the new Node has another pod subnet."""
    build.lab.write(path)
    build.lab.write("/var/lib/cni/networks/cbr0/10.244.1.2")
    found = converge(spec, build.lab.machine, discovery, check_mode=True)
    assert found.decision.name == "reset and join" and found.decision.actions == ("reset", "join", "wait for node")
    assert "the pod network of a former one is left: /" in found.decision.reason
    assert build.lab.exists("/var/lib/cni") and build.lab.run.changes() == []
    converge(spec, build.lab.machine, discovery, check_mode=False)
    assert not build.lab.exists("/var/lib/cni") and not build.lab.exists("/run/flannel")
    assert any(line.startswith("kubeadm join") for line in build.lab.run.said)


def test_a_reset_that_is_not_complete_ends_the_join(
    build: Builder, spec: JoinSpec, discovery: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    build.bootstrap().ca()
    left = Finding("interface", "cni0", "ip -br link show cni0", "it is busy")
    monkeypatch.setattr(residue, "find", lambda machine, hashes=(): (left,))
    monkeypatch.setattr(residue, "remove", lambda machine, findings: tuple(findings))
    with pytest.raises(ClassroomError, match=r"interface cni0 \(it is busy; see it with 'ip -br link show cni0'\)"):
        converge(spec, build.lab.machine, discovery, False)
    assert not any(line.startswith("kubeadm join") for line in build.lab.run.said)


def test_the_document_keeps_what_was_given(spec: JoinSpec) -> None:
    given = {
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration", "timeouts": {"tlsBootstrap": "1m"},
        "nodeRegistration": {"name": "ignored", "kubeletExtraArgs": [{"name": "v", "value": "2"}], "taints": []},
    }
    found = join_document(with_(spec, config=given), "/d.conf", TOKEN)
    assert found["nodeRegistration"] == {
        "name": "node1", "taints": [],
        "kubeletExtraArgs": [{"name": "v", "value": "2"}, {"name": "node-ip", "value": "192.168.90.101"}],
    }
    assert found["timeouts"] == {"discovery": "30s", "tlsBootstrap": "1m"}
    assert "discovery" not in given
    own = dict(given, nodeRegistration={"kubeletExtraArgs": [{"name": "node-ip", "value": "10.0.0.1"}]})
    registration = join_document(with_(spec, config=own), "/d.conf", TOKEN)["nodeRegistration"]
    assert registration["kubeletExtraArgs"] == [{"name": "node-ip", "value": "10.0.0.1"}]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "InitConfiguration"}, "unknown kind: .* found 'InitConfiguration'"),
        ({"apiVersion": "kubeadm.k8s.io/v1beta3"}, "v1beta4"),
        ({"discovery": {}}, "must not contain 'discovery'. Remove it"),
        ({"controlPlane": {}}, "must not contain 'controlPlane'. Remove it"),
    ],
)
def test_a_configuration_that_is_none_is_named(spec: JoinSpec, change: dict[str, Any], words: str) -> None:
    validate(spec)
    with pytest.raises(ClassroomError, match=words):
        validate(with_(spec, config={**spec.document, **change}))


def test_discovery_of_another_form_is_named(build: Builder, spec: JoinSpec) -> None:
    with pytest.raises(ClassroomError, match="kubeadm_token returned"):
        converge(spec, build.lab.machine, {"kubeconfig": "", "token": ""}, False)


def test_what_is_returned(build: Builder, spec: JoinSpec) -> None:
    found = result(spec, build.lab.machine, converge(spec, build.lab.machine, None, True))
    assert (found["node_name"], found["machine_id"], found["needs_discovery"]) == ("node1", "5f1b7a0f", True)
    assert found["node"] is None
    assert "belongs to no cluster" in found["diff"]["after"]
    build.member()
    outcome: JoinResult = converge(spec, build.lab.machine, None, True)
    assert result(spec, build.lab.machine, outcome)["diff"] == {"before": "", "after": ""}


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_node_is_not_handed_on_before_an_action(
    build: Builder, spec: JoinSpec, check_mode: bool
) -> None:
    machine = build.member().lab.machine
    found = result(spec, machine, converge(spec, machine, None, check_mode))
    assert found["decision"] == "none" and found["node"]["metadata"]["name"] == "node1"
    build.lab.kubelet = False
    build.lab.run.effects["systemctl"] = build.lab.kubelet_starts
    found = result(spec, machine, converge(spec, machine, None, check_mode))
    assert found["decision"] == "start" and found["node"] is None


def test_the_node_of_a_join_is_handed_on(build: Builder, spec: JoinSpec, discovery: dict[str, Any]) -> None:
    machine = build.lab.machine
    found = result(spec, machine, converge(spec, machine, discovery, False))
    assert found["decision"] == "join" and found["node"]["metadata"]["name"] == "node1"
    assert result(spec, machine, converge(spec, machine, discovery, True))["node"]["metadata"]["name"] == "node1"


def test_nothing_to_do_costs_one_request_and_no_command(build: Builder, spec: JoinSpec) -> None:
    build.member()
    converge(spec, build.lab.machine, None, False)
    assert build.lab.api.calls == ["GET " + NODE] and build.lab.run.said == []


def test_an_expired_certificate_is_the_reason_that_is_given(build: Builder, spec: JoinSpec) -> None:
    build.member().says(AccessDenied("401 Unauthorized", 401))
    build.lab.clock.moment = NOW + 5 * 365 * 86400
    assert "expired on" in converge(spec, build.lab.machine, None, True).decision.reason
