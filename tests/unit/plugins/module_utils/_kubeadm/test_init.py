# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_init: every state of a machine, in real and in check mode."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import AccessDenied, Unreachable, Untrusted
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm import init as kubeadm_init
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.init import converge, plan, result
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.init_facts import (
    MARKER,
    PHASES,
    ApiStatus,
    InitSpec,
    InitState,
    Marker,
    read_facts,
    spec_of,
    write_marker,
)
from tests.unit.support.kubeadm_lab import NOW, Authority, Lab, as_text, kubelet_conf, request, token

CONFIG: list[dict[str, Any]] = [
    {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": "192.168.90.100"},
        "nodeRegistration": {"name": "master", "criSocket": "unix:///run/containerd/containerd.sock"},
        "bootstrapTokens": [{"token": "abcdef.0123456789abcdef", "ttl": "1m0s"}],
    },
    {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "networking": {"podSubnet": "10.244.0.0/16"},
    },
]
NODE = "/api/v1/nodes/master"
TOKEN = "/api/v1/namespaces/kube-system/secrets/bootstrap-token-"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests/"
MANIFESTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONFIGURED = "networking:\n  podSubnet: 10.244.0.0/16\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki") / "a")
    made.issue("apiserver", "/CN=kube-apiserver")
    made.issue("admin", "/O=kubeadm:cluster-admins/CN=kubernetes-admin")
    return made


@pytest.fixture
def spec() -> InitSpec:
    return spec_of(CONFIG, ["SystemVerification"], 120)


def objects() -> dict[str, Any]:
    found: dict[str, Any] = {path: {} for paths in PHASES.values() for path in paths}
    found["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"] = {"data": {"ClusterConfiguration": CONFIGURED}}
    found[NODE] = {"metadata": {"name": "master", "labels": {"node-role.kubernetes.io/control-plane": ""}}}
    return found


class Builder:
    """Brings a lab's machine as far as `kubeadm init` gets with each of its phases."""

    def __init__(self, lab: Lab, authority: Authority) -> None:
        self.lab, self.authority = lab, authority

    def certs(self) -> Builder:
        for name in ("ca", "apiserver"):
            for end in ("crt", "key"):
                text = (self.authority.directory / f"{name}.{end}").read_text()
                self.lab.write(f"/etc/kubernetes/pki/{name}.{end}", text)
        return self

    def kubeconfigs(self) -> Builder:
        admin = (self.authority.directory / "admin.crt", self.authority.directory / "admin.key")
        text = self.authority.kubeconfig("https://192.168.90.100:6443", *admin)
        for name in ("admin", "kubelet", "controller-manager", "scheduler"):
            self.lab.write(f"/etc/kubernetes/{name}.conf", text)
        return self

    def manifests(self, *names: str) -> Builder:
        for name in names or MANIFESTS:
            self.lab.write(f"/etc/kubernetes/manifests/{name}.yaml")
        return self

    def kubelet(self, running: bool = True) -> Builder:
        self.lab.write("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n")
        self.lab.kubelet = running
        return self

    def etcd(self, written: float = NOW) -> Builder:
        self.lab.write("/var/lib/etcd/member/wal/0.wal")
        os.utime(self.lab.base / "var/lib/etcd/member/wal/0.wal", (written, written))
        return self

    def rotated(self, finalized: bool = True) -> Builder:
        self.lab.write("/var/lib/kubelet/pki/kubelet-client-current.pem")
        if finalized:
            text = kubelet_conf("https://192.168.90.100:6443", self.authority.pem)
            self.lab.write("/etc/kubernetes/kubelet.conf", text)
        return self

    def api(self, *absent: str) -> Builder:
        self.lab.api.broken = None
        self.lab.api.objects = {path: value for path, value in objects().items() if path not in absent}
        return self

    def complete(self) -> Builder:
        return self.certs().kubeconfigs().manifests().kubelet().etcd().rotated().api()

    def marker(
        self, spec: InitSpec, digest: str = "", started: float = NOW - 30, before: frozenset[str] = frozenset()
    ) -> Builder:
        write_marker(self.lab.machine.root, Marker(started, 120, digest or spec.digest, before))
        return self


@pytest.fixture
def lab(tmp_path: Path, authority: Authority) -> Lab:
    made = Lab(tmp_path)
    made.api.broken = Unreachable("no answer from 192.168.90.100:6443: Connection refused")
    builder = Builder(made, authority)

    def reset() -> None:
        made.kubelet = False
        for name in (*MANIFESTS,):
            made.remove(f"/etc/kubernetes/manifests/{name}.yaml")
        for name in ("admin", "kubelet", "controller-manager", "scheduler", "super-admin"):
            made.remove(f"/etc/kubernetes/{name}.conf")
        made.remove("/var/lib/kubelet/config.yaml")
        made.remove("/var/lib/kubelet/pki/kubelet-client-current.pem")
        made.api.broken = Unreachable("refused")

    def phase() -> None:
        made.api.objects = objects()
        made.api.forbidden = None

    def finalize() -> None:
        builder.rotated()

    def restart() -> None:
        made.kubelet = True
        if made.exists("/etc/kubernetes/manifests/kube-apiserver.yaml"):
            made.api.broken = None
            made.api.objects.setdefault(NODE, {"metadata": {}})

    made.run.effects = {
        "kubeadm init --": builder.complete,
        "kubeadm init phase upload": phase,
        "kubeadm init phase addon": phase,
        "kubeadm init phase bootstrap": phase,
        "kubeadm init phase mark": phase,
        "kubeadm init phase kubelet-finalize": finalize,
        "kubeadm init phase kubeconfig": builder.kubeconfigs,
        "kubeadm reset": reset,
        "systemctl restart": restart,
    }
    return made


@pytest.fixture
def build(lab: Lab, authority: Authority) -> Builder:
    return Builder(lab, authority)


def tree(lab: Lab) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(lab.base.rglob("*")) if path.is_file()}


STATES: dict[str, tuple[Any, str]] = {
    "clean host": (lambda build, spec: build, "init"),
    "certificates given by somebody": (lambda build, spec: build.certs(), "init"),
    "nothing left of a try that failed early": (lambda build, spec: build.marker(spec), "init"),
    "healthy": (lambda build, spec: build.complete(), "none"),
    "healthy, ended after the playbook was killed": (lambda build, spec: build.complete().marker(spec), "none"),
    "kubelet stopped": (lambda build, spec: build.complete().kubelet(False), "start"),
    "killed in certs": (lambda build, spec: build.certs().marker(spec), "resume"),
    "killed in kubeconfig": (lambda build, spec: build.certs().kubeconfigs().marker(spec), "resume"),
    "killed in etcd": (lambda build, spec: build.certs().kubeconfigs().manifests("etcd").marker(spec), "resume"),
    "killed in control-plane": (
        lambda build, spec: build.certs().kubeconfigs().manifests("etcd", "kube-apiserver").marker(spec), "resume"),
    "killed before kubelet-start": (lambda build, spec: build.certs().kubeconfigs().manifests().marker(spec), "resume"),
    "killed in kubelet-start": (
        lambda build, spec: build.certs().kubeconfigs().manifests().kubelet(False).marker(spec), "start"),
    "killed in wait-control-plane": (
        lambda build, spec: build.certs().kubeconfigs().manifests().kubelet().etcd().rotated(False).api(
            *objects()).marker(spec), "resume"),
    "killed in upload-config": (
        lambda build, spec: build.complete().rotated(False).marker(spec).api(*(
            path for phase, paths in PHASES.items() if phase != "upload-config kubeadm" for path in paths)), "resume"),
    "killed in addon": (
        lambda build, spec: build.complete().marker(spec).api("/api/v1/namespaces/kube-system/services/kube-dns"),
        "resume"),
    "coredns deleted": (
        lambda build, spec: build.complete().api("/apis/apps/v1/namespaces/kube-system/deployments/coredns"), "resume"),
    "Node deleted": (lambda build, spec: build.complete().api(NODE), "resume"),
    "interrupted by hand before the kubelet": (
        lambda build, spec: build.certs().kubeconfigs().manifests("etcd"), "resume"),
    "interrupted, never came up, same configuration": (
        lambda build, spec: build.certs().kubeconfigs().manifests().kubelet().etcd(NOW - 20).marker(spec), "resume"),
    "interrupted, other configuration": (
        lambda build, spec: build.certs().kubeconfigs().manifests().kubelet().etcd(NOW - 20).marker(spec, "other"),
        "resume"),
    "interrupted before upload-config, other configuration": (
        lambda build, spec: build.certs().kubeconfigs().manifests().kubelet().etcd().rotated(False).api(
            *objects()).marker(spec, "other"), "resume"),
    "killed while kubelet.conf was written": (
        lambda build, spec: (build.complete(), build.lab.write("/etc/kubernetes/kubelet.conf", "")), "resume"),
    "admin.conf deleted": (
        lambda build, spec: (build.complete(), build.lab.remove("/etc/kubernetes/admin.conf")), "resume"),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_converges_and_check_mode_predicts(
    state: str, check_mode: bool, lab: Lab, build: Builder, spec: InitSpec
) -> None:
    prepare, expected = STATES[state]
    prepare(build, spec)
    before = tree(lab)
    outcome = converge(spec, lab.machine, check_mode)
    assert outcome.decision.name == expected
    assert outcome.decision.reason
    assert outcome.changed is (expected != "none")
    if check_mode:
        assert tree(lab) == before
        assert lab.run.changes() == []
        return
    assert (lab.run.changes() == []) is (expected == "none")
    again = converge(spec, lab.machine, False)
    assert (again.decision.name, again.changed) == ("none", False)
    assert not lab.exists(MARKER)
    assert not lab.exists("/run/classroom-kubeadm")


REFUSED: dict[str, tuple[Any, str]] = {
    "etcd's data without the rest": (lambda build: build.etcd(), "holds the data of a cluster"),
    "complete, but no API": (
        lambda build: build.certs().kubeconfigs().manifests().kubelet().etcd(),
        "does not answer.*not discarded without verification"),
    "complete, no API, and no etcd data: its disk is not mounted": (
        lambda build: build.certs().kubeconfigs().manifests().kubelet(), "the API server does not answer"),
    "manifests moved away by an administrator": (
        lambda build: build.certs().kubeconfigs().kubelet().etcd(), "missing are the manifests of etcd"),
    "a worker": (
        lambda build: (build.kubelet(), build.lab.write(
            "/etc/kubernetes/kubelet.conf", kubelet_conf("https://10.0.0.9:6443", build.authority.pem)),
            build.lab.write("/var/lib/kubelet/pki/kubelet-client-current.pem")),
        "worker of the cluster at https://10.0.0.9:6443"),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", REFUSED)
def test_what_may_be_a_users_cluster_is_never_touched(
    state: str, check_mode: bool, lab: Lab, build: Builder, spec: InitSpec
) -> None:
    prepare, words = REFUSED[state]
    prepare(build)
    before = tree(lab)
    with pytest.raises(ClassroomError, match=words):
        converge(spec, lab.machine, check_mode)
    assert tree(lab) == before
    assert lab.run.changes() == []


def test_a_cluster_that_lived_on_after_its_interrupted_init_is_kept(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.certs().kubeconfigs().manifests().kubelet().rotated().etcd(NOW).marker(spec, started=NOW - 86400)
    with pytest.raises(ClassroomError, match="not discarded without verification"):
        converge(spec, lab.machine, False)
    assert lab.exists("/var/lib/etcd/member/wal/0.wal")


def test_given_certificates_outlive_the_removal_of_a_failed_try(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.certs().kubeconfigs().manifests("etcd").marker(spec, before=frozenset({"ca.crt", "ca.key"}))
    facts_before_init: list[bool] = []
    complete = lab.run.effects["kubeadm init --"]

    def init() -> None:
        facts_before_init.extend(
            lab.exists("/etc/kubernetes/pki/" + name) for name in ("ca.crt", "ca.key", "apiserver.crt"))
        complete()

    lab.run.effects["kubeadm init --"] = init
    converge(spec, lab.machine, False)
    assert facts_before_init == [True, True, False]


@pytest.mark.parametrize("path", ["/run/flannel/subnet.env", "/sys/class/net/cni0/address"])
def test_a_pod_network_without_a_control_plane_is_removed_before_the_init(
    path: str, lab: Lab, build: Builder, spec: InitSpec
) -> None:
    """`kubeadm reset` by hand leaves it; given certificates are kept."""
    build.certs()
    lab.write(path)
    lab.write("/var/lib/cni/networks/cbr0/10.244.0.2")
    found = converge(spec, lab.machine, True)
    assert found.decision.name == "init" and found.decision.actions == ("discard", "init")
    assert "the pod network of a former one is left: /" in found.decision.reason
    assert lab.exists("/var/lib/cni") and lab.run.changes() == []
    converge(spec, lab.machine, False)
    assert not lab.exists("/var/lib/cni") and not lab.exists("/run/flannel")
    assert lab.exists("/etc/kubernetes/pki/ca.key")
    assert any(line.startswith("kubeadm init") for line in lab.run.said)


def test_a_key_without_its_certificate_does_not_stop_the_next_try(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.certs().kubeconfigs()
    lab.write("/etc/kubernetes/pki/front-proxy-ca.key")
    lab.write("/etc/kubernetes/pki/sa.key", "")
    converge(spec, lab.machine, False)
    assert not lab.exists("/etc/kubernetes/pki/front-proxy-ca.key") and not lab.exists("/etc/kubernetes/pki/sa.key")
    assert lab.exists("/etc/kubernetes/pki/ca.crt")


def test_the_configuration_is_private_and_gone_afterwards(lab: Lab, spec: InitSpec) -> None:
    outcome = converge(spec, lab.machine, False)
    assert lab.run.seen["modes"] == "0o600"
    documents = [json.loads(part) for part in lab.run.seen["init.yaml"].split("\n---\n")]
    assert [document["kind"] for document in documents] == ["InitConfiguration", "ClusterConfiguration"]
    command = next(line for line in lab.run.said if " init " in line)
    assert "--ignore-preflight-errors=SystemVerification" in command and "--skip-token-print" in command
    assert "0123456789abcdef" not in " ".join(lab.run.said)
    assert "0123456789abcdef" not in as_text(result(spec, lab.machine, outcome))


def test_what_is_returned(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete()
    lab.api.objects["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"]["data"] = {
        "ClusterConfiguration": "networking:\n  podSubnet: 10.1.0.0/16\n"}
    found = result(spec, lab.machine, converge(spec, lab.machine, False))
    assert found["version"] == "v1.36.3" and found["changed"] is False
    assert len(found["drift"]) == 1 and found["warnings"] == found["drift"]
    assert found["ca_hash"].startswith("sha256:") and len(found["admin_conf_sha256"]) == 64
    assert found["diff"] == {"before": "", "after": ""}
    assert "PRIVATE KEY" not in as_text(found)


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_node_is_handed_on_only_where_nothing_is_to_be_done(
    lab: Lab, build: Builder, spec: InitSpec, check_mode: bool
) -> None:
    build.complete()
    found = result(spec, lab.machine, converge(spec, lab.machine, check_mode))
    assert found["node"]["metadata"]["name"] == "master"
    lab.kubelet = False
    lab.run.effects["systemctl"] = lab.kubelet_starts
    found = result(spec, lab.machine, converge(spec, lab.machine, check_mode))
    assert found["decision"] == "start" and found["node"] is None


def test_nothing_to_do_needs_one_connection_and_no_command(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete()
    converge(spec, lab.machine, False)
    assert lab.run.said == [] and lab.api.clients == ["https://192.168.90.100:6443"]


def test_a_diff_says_why(lab: Lab, spec: InitSpec) -> None:
    found = result(spec, lab.machine, converge(spec, lab.machine, True))
    assert "there is no control plane" in found["diff"]["after"]
    assert "absent" in found["diff"]["before"]


def test_bare_host_in_check_mode_is_predicted(lab: Lab, spec: InitSpec) -> None:
    lab.programs.clear()
    outcome = converge(spec, lab.machine, True)
    assert outcome.decision.name == "init" and outcome.changed and not outcome.warnings
    with pytest.raises(ClassroomError, match="kubeadm and kubelet are not installed"):
        converge(spec, lab.machine, False)
    assert lab.run.said == []


@pytest.mark.parametrize(
    ("sockets", "file", "words"),
    [
        (set(), False, "at /run/containerd/containerd.sock, found no socket.*no other runtime.*role containerd"),
        (set(), True, "found a socket on which no process answers"),
        ({"/run/crio/crio.sock"}, False, "/run/crio/crio.sock answers instead"),
    ],
)
def test_a_missing_runtime_is_named(lab: Lab, spec: InitSpec, sockets: set[str], file: bool, words: str) -> None:
    lab.sockets = sockets
    if file:
        lab.write("/run/containerd/containerd.sock")
    with pytest.raises(ClassroomError, match=words):
        converge(spec, lab.machine, False)
    assert lab.run.said == []
    assert converge(spec, lab.machine, True).warnings


def test_a_kubeadm_of_a_killed_run_is_waited_for(lab: Lab, build: Builder, spec: InitSpec) -> None:
    lab.process(4711, "/usr/bin/kubeadm", "init", "--config", "x")
    build.certs().kubeconfigs().marker(spec)

    def end() -> None:
        lab.remove("/proc/4711/cmdline")
        build.complete()

    lab.clock.at.append((NOW + 8, end))
    outcome = converge(spec, lab.machine, False)
    assert (outcome.decision.name, outcome.changed, lab.run.changes()) == ("none", False, [])
    assert not lab.exists(MARKER)


def test_a_kubeadm_that_does_not_end_is_named(lab: Lab, spec: InitSpec) -> None:
    lab.process(4711, "kubeadm", "init")
    lab.process(4712, "kubeadm", "version")
    with pytest.raises(ClassroomError, match=r"kubeadm init.*process 4711.*after 120 s"):
        converge(spec, lab.machine, False)


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_token_of_a_join_that_outlived_its_run_is_revoked(
    lab: Lab, build: Builder, spec: InitSpec, check_mode: bool
) -> None:
    build.complete()
    for token_id in ("abcdef", "waited"):
        lab.api.objects[TOKEN + token_id] = token(token_id, "classroom.kubeadm: join of node1")
    lab.api.objects[REQUESTS + "csr-1"] = request("abcdef")
    outcome = converge(spec, lab.machine, check_mode)
    assert (outcome.decision.name, outcome.decision.actions) == ("resume", ("revoke abcdef",))
    assert outcome.changed and lab.run.changes() == []
    assert (TOKEN + "abcdef" in lab.api.objects) == check_mode and TOKEN + "waited" in lab.api.objects


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_private_files_of_a_killed_run_are_removed(
    lab: Lab, build: Builder, spec: InitSpec, check_mode: bool
) -> None:
    build.complete()
    lab.write("/run/classroom-kubeadm/init.yaml", "token: abcdef.0123456789abcdef\n")
    assert not converge(spec, lab.machine, check_mode).changed
    assert lab.exists("/run/classroom-kubeadm") == check_mode


def test_a_booting_control_plane_is_waited_for(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete()
    lab.api.broken = Unreachable("refused")
    lab.clock.at.append((NOW + 10, build.api))
    assert converge(spec, lab.machine, True).decision.name == "none"


def test_admin_conf_without_its_rights_gets_all_phases(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete().rotated(False).marker(spec)
    lab.api.forbidden = AccessDenied("403", 403)
    outcome = converge(spec, lab.machine, False)
    assert outcome.decision.name == "resume"
    assert lab.run.changes()[0].startswith("kubeadm init phase upload-config kubeadm")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (AccessDenied("401 Unauthorized", 401), "does not accept"),
        (Untrusted("self-signed", "ca"), "another CA"),
        (Untrusted("expired", "dates"), "clock"),
        (Untrusted("IP mismatch", "name"), "the address may have changed since"),
    ],
)
def test_an_api_that_does_not_trust_us_is_left_alone(
    lab: Lab, build: Builder, spec: InitSpec, broken: Exception, words: str
) -> None:
    build.complete()
    lab.api.broken = broken
    with pytest.raises(ClassroomError, match=words):
        converge(spec, lab.machine, False)
    assert lab.run.changes() == []


def test_an_expired_admin_conf_is_explained(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete()
    lab.api.broken = AccessDenied("401 Unauthorized", 401)
    lab.clock.moment = NOW + 5 * 365 * 86400
    with pytest.raises(ClassroomError, match=r"expired on .* UTC.*kubeadm certs renew admin.conf"):
        converge(spec, lab.machine, False)


def test_an_admin_conf_of_another_ca_is_named(lab: Lab, build: Builder, spec: InitSpec, tmp_path: Path) -> None:
    build.complete()
    lab.write("/etc/kubernetes/pki/ca.crt", Authority(tmp_path / "other").pem)
    with pytest.raises(ClassroomError, match="trusts the wrong CA: expected that of"):
        converge(spec, lab.machine, False)


def test_certificates_that_do_not_belong_together_are_named(
    lab: Lab, build: Builder, spec: InitSpec, tmp_path: Path
) -> None:
    build.certs().kubeconfigs().manifests().kubelet().etcd()
    crt, key = Authority(tmp_path / "other").issue("apiserver", "/CN=kube-apiserver")
    lab.write("/etc/kubernetes/pki/apiserver.crt", crt.read_text())
    lab.write("/etc/kubernetes/pki/apiserver.key", key.read_text())
    with pytest.raises(ClassroomError, match=r"apiserver.crt is not signed by its CA"):
        converge(spec, lab.machine, False)


def test_preflight_errors_are_what_a_person_reads(lab: Lab, spec: InitSpec) -> None:
    lab.run.failures["kubeadm init --"] = Completed(
        1, "[init] Using Kubernetes version: v1.36.3\n[preflight] Running pre-flight checks\n",
        "\t[WARNING Hostname]: x\nerror: error execution phase preflight: [preflight] Some fatal errors occurred:\n"
        "\t[ERROR Port-6443]: Port 6443 is in use\n\t[ERROR NumCPU]: the number of available CPUs 1 is less than 2\n",
    )
    with pytest.raises(ClassroomError) as caught:
        converge(spec, lab.machine, False)
    assert str(caught.value).splitlines() == [
        "'kubeadm init' failed: [ERROR Port-6443]: Port 6443 is in use",
        "[ERROR NumCPU]: the number of available CPUs 1 is less than 2",
    ]
    assert lab.exists(MARKER)


def test_a_kubelet_that_does_not_start_is_named(lab: Lab, build: Builder, spec: InitSpec) -> None:
    build.complete().kubelet(False)
    lab.run.effects["systemctl restart"] = lambda: None
    with pytest.raises(ClassroomError, match="does not become healthy"):
        converge(spec, lab.machine, False)
    lab.run.failures["systemctl restart"] = Completed(1, "", "Unit kubelet.service not found.")
    with pytest.raises(ClassroomError, match="not found"):
        converge(spec, lab.machine, False)


def test_addons_that_are_not_requested_are_not_missed(lab: Lab, build: Builder) -> None:
    config = [dict(CONFIG[0], skipPhases=["addon/kube-proxy"]), dict(CONFIG[1], dns={"disabled": True})]
    build.complete().api(*PHASES["addon coredns"], *PHASES["addon kube-proxy"])
    assert converge(spec_of(config, [], 60), lab.machine, False).decision.name == "none"
    assert spec_of([dict(CONFIG[0], skipPhases=["addon"]), CONFIG[1]], [], 60).phases[-1] == "kubelet-finalize all"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([], "no document of the kind ClusterConfiguration"),
        ([CONFIG[1]], "no document of the kind InitConfiguration"),
        ([*CONFIG, CONFIG[0]], "two documents of the kind InitConfiguration"),
        ([*CONFIG, {"kind": "JoinConfiguration"}], "Document 3 .*found 'JoinConfiguration'"),
        ([dict(CONFIG[0], apiVersion="kubeadm.k8s.io/v1beta3"), CONFIG[1]],
         "expected kubeadm.k8s.io/v1beta4, found 'kubeadm.k8s.io/v1beta3'"),
    ],
)
def test_a_configuration_that_is_none_is_named(config: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ClassroomError, match=words):
        spec_of(config, [], 60)


def test_other_places_are_looked_at(lab: Lab) -> None:
    cluster = dict(CONFIG[1], etcd={"local": {"dataDir": "/data/etcd"}}, certificatesDir="/data/pki")
    spec = spec_of([CONFIG[0], cluster], [], 60)
    lab.write("/etc/kubernetes/manifests/etcd.yaml", "    - --data-dir=/old/etcd\n")
    lab.write("/old/etcd/member/x")
    assert read_facts(spec, lab.machine).etcd_data == "/old/etcd"
    lab.write("/data/etcd/member/x")
    assert read_facts(spec, lab.machine).etcd_data == "/data/etcd"
    external = spec_of([CONFIG[0], dict(CONFIG[1], etcd={"external": {"endpoints": []}})], [], 60)
    assert "etcd" not in external.manifests


READY = InitState(
    manifests=frozenset(MANIFESTS), kubeconfigs=frozenset({"admin", "kubelet", "controller-manager", "scheduler"}),
    pki=frozenset({"ca.key"}), kubelet_configured=True, kubelet_healthy=True, rotated=True,
    answer=ApiStatus("ready", "", "v1.36.3", True, (), True),
)


def test_a_complete_cluster_is_not_thrown_away_for_a_lost_configmap(spec: InitSpec) -> None:
    """A forgotten marker and another configuration: everything else in the API says that the cluster is in use."""
    marker = Marker(NOW, 120, "other", frozenset())
    answer = replace(READY.answer, missing=("upload-config kubeadm",), uploaded=False)
    decision = plan(spec, replace(READY, marker=marker, answer=answer))
    assert decision.actions == ("phase upload-config kubeadm",)
    everything = replace(READY.answer, missing=spec.phases, uploaded=False)
    assert kubeadm_init.DISCARD not in plan(spec, replace(READY, marker=marker, answer=everything)).actions


def test_phases_run_in_kubeadms_order_after_the_kubelet(spec: InitSpec) -> None:
    answer = replace(READY.answer, node=False, missing=("mark-control-plane", "addon coredns"))
    decision = plan(spec, replace(READY, kubelet_healthy=False, answer=answer))
    assert decision.actions == (
        "restart kubelet", "wait for node", "phase mark-control-plane", "phase addon coredns")
