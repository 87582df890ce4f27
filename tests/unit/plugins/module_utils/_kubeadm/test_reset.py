# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_reset: every state of a machine, in real and in check mode; what is refused; what goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state as kept
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import mounts
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm import reset as kubeadm_reset
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm import teardown
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.reset import (
    ResetSpec,
    ResetState,
    converge,
    failure_of,
    plan,
    result,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.teardown import (
    Runtime,
    left_sentence,
    reset_machine,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue import kinds as residue
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.kinds import Finding
from tests.unit.support.kubeadm_lab import Authority, FakeRunner, Lab, kubeconfig_text, kubelet_conf

ENDPOINT = "192.168.90.100:6443"
SPEC = ResetSpec(endpoint=ENDPOINT, cri_socket="unix:///run/containerd/containerd.sock")
CNI0 = Finding("interface", "cni0", "ip -br link show cni0", "the next network gives it another address", "flannel")
RESET = ("stop the kubelet", "kubeadm reset", "remove what is left")
SOCKET = "/run/containerd/containerd.sock"
UNIT = "/usr/lib/systemd/system/containerd.service"


class Runner(FakeRunner):
    """Also remembers what a command was told, and knows one unit."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}
        self.patience: dict[str, float] = {}

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        answer = super().__call__(argv, stdin=stdin, timeout=timeout, check=check, env=env)
        self.patience[argv[0]] = timeout
        if stdin:
            self.told = json.loads(stdin)
        return Completed(0, "LoadState=loaded\n", "") if argv[:2] == ["systemctl", "show"] else answer


class Builder:
    """A machine, brought to the state from which it is reset."""

    def __init__(self, lab: Lab, authority: Authority) -> None:
        self.lab, self.authority, self.run = lab, authority, Runner()
        lab.run = self.run
        self.run.effects["kubeadm reset"] = self._kubeadm

    def _kubeadm(self) -> None:
        for path in ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt"):
            self.lab.remove(path)

    def worker(self, server: str = ENDPOINT) -> Builder:
        self.lab.write("/etc/kubernetes/pki/ca.crt", self.authority.pem)
        self.lab.write("/etc/kubernetes/kubelet.conf", kubelet_conf("https://" + server, self.authority.pem))
        self.lab.write("/var/lib/kubelet/config.yaml", f"containerRuntimeEndpoint: unix://{SOCKET}\n")
        return self

    def control_plane(self) -> Builder:
        self.worker()
        text = kubeconfig_text("https://" + ENDPOINT, self.authority.pem, "C", "K")
        self.lab.write("/etc/kubernetes/admin.conf", text)
        self.lab.write("/etc/kubernetes/manifests/kube-apiserver.yaml")
        self.lab.write("/etc/kubernetes/manifests/etcd.yaml", "    - --data-dir=/srv/etcd\n")
        self.lab.write("/srv/etcd/member/wal/0")
        self.lab.write("/var/lib/etcd/member/snap/db")
        return self

    def write(self, path: str, text: str = "x\n") -> Builder:
        self.lab.write(path, text)
        return self

    def mounted(self, *lines: str) -> Builder:
        self.lab.write("/proc/self/mountinfo", "".join(f"1 1 0:1 / {line}\n" for line in lines))
        return self


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "a")


@pytest.fixture
def build(tmp_path: Path, authority: Authority) -> Builder:
    return Builder(Lab(tmp_path), authority)


def tree(lab: Lab) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(lab.base.rglob("*")) if path.is_file()}


def left_of_a_cluster(lab: Lab) -> list[str]:
    """What is still there, apart from what the machine itself is made of."""
    kept = ("/proc/", "/usr/lib/", "/etc/machine-id", "/run/classroom-kubeadm.lock")
    return [path for path in (path[len(str(lab.base)):] for path in tree(lab)) if not path.startswith(kept)]


STATES: dict[str, tuple[Callable[[Builder], object], str, str, tuple[str, ...]]] = {
    "clean": (lambda build: build, "none", "nothing of a cluster", ()),
    "worker": (lambda build: build.worker(), "reset", "is a worker of the cluster at " + ENDPOINT, RESET),
    "control plane": (lambda build: build.control_plane(), "reset", "is a control plane of the cluster", RESET),
    "an init that was killed": (
        lambda build: build.write("/etc/kubernetes/manifests/kube-apiserver.yaml"), "reset", "not finished", RESET),
    "a join that was killed": (
        lambda build: build.write("/etc/kubernetes/bootstrap-kubelet.conf"), "reset", "not finished", RESET),
    "half a kubelet.conf": (
        lambda build: build.write("/etc/kubernetes/kubelet.conf", "apiVersion: v1\nclu"), "reset", "worker", RESET),
    "a reset that was killed after kubeadm": (
        lambda build: build.write("/run/flannel/subnet.env"), "reset", "left directory /run/flannel",
        (RESET[0], RESET[2])),
    "etcd's data alone": (lambda build: build.write("/var/lib/etcd/member/x"), "reset", "not finished", RESET),
    "without kubeadm": (
        lambda build: setattr(build.worker().lab, "programs", set()), "reset", "is a worker", (RESET[0], RESET[2])),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_ends_clean_and_check_mode_predicts(state: str, check_mode: bool, build: Builder) -> None:
    prepare, name, words, actions = STATES[state]
    prepare(build)
    before = tree(build.lab)
    outcome = converge(SPEC, build.lab.machine, check_mode)
    assert (outcome.decision.name, outcome.decision.actions) == (name, actions)
    assert words in outcome.decision.reason and outcome.changed is (name == "reset")
    if check_mode or name == "none":
        assert tree(build.lab) == before
        assert not any(line.startswith(("kubeadm", "systemctl st")) for line in build.run.said)
        return
    assert left_of_a_cluster(build.lab) == [] and outcome.left == ()
    assert any(line.startswith("kubeadm reset") for line in build.run.said) is ("kubeadm reset" in actions)
    assert converge(SPEC, build.lab.machine, False).decision.name == "none"


def test_kubeadm_is_told_all_it_needs_without_a_file_and_without_an_api(build: Builder) -> None:
    build.control_plane()
    converge(SPEC, build.lab.machine, False)
    line = next(line for line in build.run.said if line.startswith("kubeadm"))
    assert "--config=/dev/stdin" in line
    assert not build.lab.exists(line.split("--kubeconfig=")[1][len(str(build.lab.base)):])
    assert build.run.told == {
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ResetConfiguration", "force": True, "cleanupTmpDir": True,
        "criSocket": "unix://" + SOCKET,
    }


def test_the_kubelet_stops_before_anything_is_deleted(build: Builder) -> None:
    build.worker()
    build.run.effects["systemctl stop"] = lambda: tree(build.lab)[str(build.lab.base) + "/etc/kubernetes/kubelet.conf"]
    build.run.failures["systemctl stop"] = Completed(1, "", "timed out.")
    before = tree(build.lab)
    with pytest.raises(ClassroomError, match=r"The kubelet does not stop: timed out\. It would re-create"):
        converge(SPEC, build.lab.machine, False)
    assert {path: text for path, text in tree(build.lab).items() if "lock" not in path} == before


OTHER = "10.0.0.9:6443"
REFUSED: dict[str, tuple[Callable[[Builder], object], str]] = {
    "another cluster": (
        lambda build: build.worker(OTHER),
        r"expected the one at 192.168.90.100:6443, found the one at 10.0.0.9:6443 \(CA sha256:.*allow_foreign"),
    "a kubelet.conf of another form": (
        lambda build: build.write("/etc/kubernetes/kubelet.conf", "clusters: [{name: x}]\nusers: []\n"),
        "Cannot determine to which cluster.*Nothing was changed.*allow_foreign"),
    "read-only /etc/kubernetes": (
        lambda build: build.worker().mounted("/ rw - ext4 a rw", "/etc/kubernetes ro - ext4 b rw"),
        "content of /etc/kubernetes: .*found it mounted read-only. Nothing was changed. Make it writable"),
    "read-only /var/lib/kubelet": (
        lambda build: build.worker().mounted("/ rw - ext4 a rw", "/var/lib/kubelet rw - ext4 b ro"),
        "content of /var/lib/kubelet: .*found it mounted read-only"),
    "a mount below the certificates": (
        lambda build: build.control_plane().mounted("/etc/kubernetes/pki/shared rw - nfs4 a:/b rw"),
        "pki cannot be emptied: expected no mount below it, found /etc/kubernetes/pki/shared, and nothing is deleted"),
    "a mount below etcd's data": (
        lambda build: build.control_plane().mounted("/srv/etcd/backup rw - ext4 a rw"),
        "/srv/etcd cannot be emptied: expected no mount below it, found /srv/etcd/backup"),
    "a disk that has become read-only": (
        lambda build: build.worker().mounted("/ rw - ext4 a ro"), "/etc/kubernetes and /var/lib/kubelet: .*found it"),
}


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("state", REFUSED)
def test_what_is_refused_is_left_as_it_is(state: str, check_mode: bool, build: Builder) -> None:
    prepare, words = REFUSED[state]
    prepare(build)
    before = tree(build.lab)
    with pytest.raises(ClassroomError, match=words):
        converge(SPEC, build.lab.machine, check_mode)
    assert tree(build.lab) == before
    assert not any(line.startswith(("kubeadm", "systemctl")) for line in build.run.said)


@pytest.mark.parametrize(("servers", "ca_hash", "spec", "foreign"), [
    (["https://10.0.0.9:6443"], "sha256:a", {}, True),
    (["https://10.0.0.9:6443"], "sha256:a", {"ca_hash": "sha256:b"}, True),
    (["https://10.0.0.9:6443"], "sha256:a", {"ca_hash": "sha256:a"}, False),
    (["https://10.0.0.9:6443"], "sha256:a", {"allow_foreign": True}, False),
    (["https://10.0.0.9:6443"], "sha256:a", {"endpoint": ""}, False),
    (["https://10.0.0.9:6443", "https://" + ENDPOINT], "sha256:a", {}, False),
    (["https://192.168.90.100:6443"], "sha256:a", {"ca_hash": "sha256:b", "endpoint": "192.168.90.100"}, False),
    (["https://192.168.90.100:7443"], "sha256:a", {"ca_hash": "sha256:b"}, True),
    ([], "sha256:a", {"ca_hash": "sha256:b"}, False),
])
def test_whose_host_it_is(servers: list[str], ca_hash: str, spec: dict[str, Any], foreign: bool) -> None:
    facts = ResetState(membership="worker", servers=tuple(servers), ca_hash=ca_hash)
    assert (plan(ResetSpec(**{"endpoint": ENDPOINT, **spec}), facts).name == "undecided") is foreign


@pytest.mark.parametrize(("facts", "first"), [
    (ResetState(membership="worker", runtime=Runtime(SOCKET, "containerd.service", False)),
     "start the container runtime"),
    (ResetState(membership="worker", runtime=Runtime(SOCKET, "containerd.service", True)), "stop the kubelet"),
    (ResetState(membership="worker"), "stop the kubelet"),
])
def test_the_runtime_is_started_first(facts: ResetState, first: str) -> None:
    assert plan(SPEC, facts).actions[0] == first


def test_a_mount_alone_is_something_to_do() -> None:
    decision = plan(SPEC, ResetState(mounts=("/var/lib/kubelet/pods/x",)))
    assert "unmount" in decision.actions and "mount /var/lib/kubelet/pods/x" in decision.reason


def test_long_lists_are_cut() -> None:
    found = tuple(Finding("interface", f"veth{number}", "", "") for number in range(9))
    assert plan(SPEC, ResetState(found=found)).reason.endswith("interface veth4 and 4 more")


@pytest.mark.parametrize("comes_up", [True, False])
def test_a_stopped_runtime(build: Builder, comes_up: bool) -> None:
    build.worker().write(UNIT)
    build.lab.sockets.clear()
    if comes_up:
        build.run.effects["systemctl start"] = lambda: build.lab.sockets.add(SOCKET)
    else:
        build.run.failures["systemctl start"] = Completed(1, "", "Job failed.")
    outcome = converge(SPEC, build.lab.machine, False)
    assert build.run.said.index("systemctl start -- containerd.service") < build.run.said.index(
        "systemctl stop -- kubelet.service")
    assert left_of_a_cluster(build.lab) == []
    if comes_up:
        assert outcome.warnings == ()
    else:
        assert "containerd.service does not start" in outcome.warnings[0] and "Job failed." in outcome.warnings[0]


@pytest.mark.parametrize(("socket", "present", "unit", "answers"), [
    ("", {SOCKET}, "", True), ("", set(), "containerd.service", False), ("", set(), "", None),
    ("unix:///run/crio/crio.sock", {SOCKET}, "", None), ("unix:///run/own.sock", {"/run/own.sock"}, "", True),
])
def test_which_runtime_it_is(build: Builder, socket: str, present: set[str], unit: str, answers: bool | None) -> None:
    build.lab.sockets = present
    if unit:
        build.write("/lib/systemd/system/" + unit)
    found = teardown.find_runtime(build.lab.machine, socket)
    assert (None if found is None else found.answers) is answers
    assert found is None or found.unit == unit


CRIO = "/run/crio/crio.sock"


@pytest.mark.parametrize("uri", ["", "unix://" + CRIO])
@pytest.mark.parametrize("answers", [True, False])
def test_the_runtime_of_the_kubelet_is_the_one(build: Builder, uri: str, answers: bool) -> None:
    """Also when another one is requested, or only another one runs: the containers are there."""
    build.write("/var/lib/kubelet/instance-config.yaml", f"containerRuntimeEndpoint: unix://{SOCKET}\n")
    build.write(UNIT).lab.sockets = {CRIO, SOCKET} if answers else {CRIO}
    assert teardown.find_runtime(build.lab.machine, uri) == Runtime(SOCKET, "containerd.service", answers)


@pytest.mark.parametrize(("uri", "kubelets", "sockets", "asked"), [
    ("", "", {SOCKET, CRIO}, True), ("", "", {SOCKET}, False), ("", "", set(), False),
    ("unix://" + CRIO, "", {SOCKET, CRIO}, False), ("", SOCKET, {SOCKET, CRIO}, False),
])
def test_two_runtimes_and_none_chosen(
    build: Builder, uri: str, kubelets: str, sockets: set[str], asked: bool,
) -> None:
    if kubelets:
        build.write("/var/lib/kubelet/config.yaml", f"containerRuntimeEndpoint: unix://{kubelets}\n")
    build.lab.sockets = sockets
    sentence = teardown.ambiguity(build.lab.machine, uri)
    assert ("and no socket chosen" in sentence) is asked
    assert plan(SPEC, ResetState(membership="unfinished",
                                 ambiguity=sentence)).name == ("undecided" if asked else "reset")


def test_what_needs_no_runtime_is_not_refused_for_two() -> None:
    found = (Finding("interface", "cni0", "", ""),)
    assert plan(SPEC, ResetState(found=found, ambiguity="two")).name == "reset"


def test_a_failing_kubeadm_is_a_warning_and_its_work_is_done(build: Builder) -> None:
    build.control_plane()
    build.run.failures["kubeadm reset"] = Completed(1, "", "error: no such thing")
    outcome = converge(SPEC, build.lab.machine, False)
    assert "'kubeadm reset' failed, and its work was done without it: error: no such thing" in outcome.warnings[0]
    assert left_of_a_cluster(build.lab) == []


@pytest.mark.parametrize(
    ("containers", "desired", "given"), [(0, 120, 10), (8, 120, 26), (100, 120, 120), (8, 15, 15)])
def test_a_network_plugin_that_hangs_is_not_waited_for_long(
    build: Builder, containers: int, desired: float, given: float
) -> None:
    build.worker()
    found = [Finding("container", str(number), "", "") for number in range(containers)]
    reset_machine(build.lab.machine, timeout=desired, found=found)
    assert build.run.patience["kubeadm"] == given


def test_pods_end_before_kubeadm_deletes_what_they_write(build: Builder) -> None:
    build.control_plane()
    build.lab.process(77, "etcd", "--data-dir=/srv/etcd")
    build.write("/proc/77/cgroup", "0::/kubepods/burstable/pod1/a\n")
    build.lab.process(78, "nginx")
    build.write("/proc/78/cgroup", "0::/system.slice/nginx.service\n")
    build.run.effects["kill -KILL 77"] = lambda: build.lab.remove("/proc/77/cmdline")
    converge(SPEC, build.lab.machine, False)
    said = [line.split(" --config")[0] for line in build.run.said]
    assert said.index("systemctl stop -- kubelet.service") < said.index("kill -KILL 77") < said.index("kubeadm reset")
    assert not any("78" in line for line in said)


def test_nothing_is_deleted_through_a_mount(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    build.worker()
    stuck = mounts.Mount("/var/lib/kubelet/pods/x", "tmpfs", "tmpfs", False)
    monkeypatch.setattr(mounts, "unmount_below", lambda root, directory: ((), (stuck,)))
    before = tree(build.lab)
    with pytest.raises(ClassroomError, match=r"/var/lib/kubelet/pods/x below it cannot be unmounted.*fuser -vm"):
        converge(SPEC, build.lab.machine, False)
    assert {path: text for path, text in tree(build.lab).items() if "lock" not in path} == before


def test_a_mount_that_was_busy_is_a_warning(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = mounts.LazyUnmount(mounts.Mount("/var/lib/kubelet/pods/x", "nfs4", "10.0.0.1:/a", False), ("bash (7)",))
    monkeypatch.setattr(mounts, "unmount_below", lambda root, directory: ((busy,), ()))
    build.worker()
    assert "bash (7) holds it" in converge(SPEC, build.lab.machine, False).warnings[0]


def test_what_cannot_be_removed_is_returned_and_named(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    monkeypatch.setattr(residue, "find", lambda machine, hashes=(): (CNI0,))

    def remove(machine: object, found: Sequence[Finding]) -> tuple[Finding, ...]:
        rounds.append(len(found))
        return tuple(one.left("it is busy") for one in found)

    monkeypatch.setattr(residue, "remove", remove)
    outcome = converge(SPEC, build.lab.machine, False)
    assert [one.reason for one in outcome.left] == ["it is busy"]
    assert "interface cni0 (it is busy; see it with 'ip -br link show cni0')" in left_sentence(outcome.left)
    # Once for copies of kubeconfigs, once for all; again would bring nothing
    assert rounds == [0, 1]


def test_removing_goes_on_until_nothing_is_left(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [CNI0, Finding("interface", "flannel.1", "", "")]
    monkeypatch.setattr(residue, "find", lambda machine, hashes=(): tuple(there))

    def remove(machine: object, found: Sequence[Finding]) -> tuple[Finding, ...]:
        if found:
            there.pop()
        return tuple(there)

    monkeypatch.setattr(residue, "remove", remove)
    assert converge(SPEC, build.lab.machine, False).left == ()


def test_what_is_to_be_kept_stays(build: Builder) -> None:
    build.control_plane().write("/var/lib/classroom-kubeadm/init.json")
    del build.run.effects["kubeadm reset"]
    kept = ("/etc/kubernetes/pki", "/var/lib/classroom-kubeadm/init.json")
    assert reset_machine(build.lab.machine, keep=kept) == ((), ())
    assert left_of_a_cluster(build.lab) == ["/etc/kubernetes/pki/ca.crt", "/var/lib/classroom-kubeadm/init.json"]
    assert not build.lab.exists(build.run.told["certificatesDir"][len(str(build.lab.base)):])


def test_a_kubeadm_of_a_killed_run_is_waited_for(build: Builder) -> None:
    build.lab.process(99, "kubeadm", "reset", "--force")
    build.worker()
    build.lab.clock.at.append((build.lab.clock.moment + 5, lambda: build.lab.remove("/proc/99/cmdline")))
    assert converge(SPEC, build.lab.machine, False).changed
    build.lab.process(99, "kubeadm", "join")
    with pytest.raises(ClassroomError, match="'kubeadm join' of an earlier run"):
        converge(SPEC, build.lab.machine, False)


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_setting_the_clock_neither_shortens_nor_lengthens_a_wait(build: Builder, step: float) -> None:
    """chrony may set the clock while a module waits: hours back, or hours forward."""
    machine, elapsed, asked = build.lab.machine, [0.0], [0]

    def sleep(seconds: float) -> None:
        elapsed[0] += seconds

    def done() -> bool:
        asked[0] += 1
        return False

    set_clock = replace(machine, now=lambda: 1e9 + elapsed[0] + (step if elapsed[0] > 3 else 0),
                        monotonic=lambda: elapsed[0], sleep=sleep)
    assert set_clock.wait(done, 300) is False
    assert 300 <= elapsed[0] < 302 and asked[0] > 10


def test_the_clock_that_is_set_meanwhile_is_no_other_run(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided is decided again only where another run had the lock, and not because the date jumps."""
    build.worker()
    reads: list[ResetSpec] = []
    before = kubeadm_reset.read_facts

    def read(spec: ResetSpec, machine: NodeContext) -> ResetState:
        reads.append(spec)
        return before(spec, machine)

    monkeypatch.setattr(kubeadm_reset, "read_facts", read)
    moments = iter(range(0, 10**9, 10**6))
    assert converge(SPEC, replace(build.lab.machine, now=lambda: float(next(moments))), False).changed
    assert len(reads) == 1


def test_etcds_data_that_cannot_be_removed_is_a_warning(build: Builder) -> None:
    build.control_plane()
    (build.lab.base / "srv/etcd").rename(build.lab.base / "srv/real")
    (build.lab.base / "srv/etcd").symlink_to("real")
    (build.lab.base / "srv").chmod(0o777)
    warnings = converge(SPEC, build.lab.machine, False).warnings
    assert "leads through the symbolic link /srv/etcd" in warnings[0]
    assert build.lab.exists("/srv/real/member/wal/0")


def test_what_is_returned(build: Builder, authority: Authority) -> None:
    build.worker().write("/etc/machine-id", "5f1b7a0f\n")
    found = result(SPEC, build.lab.machine, converge(SPEC, build.lab.machine, True))
    assert (found["level"], found["decision"], found["membership"], found["changed"]) == (
        "prepared", "reset", "worker", True)
    assert (found["endpoint"], found["machine_id"]) == (ENDPOINT, "5f1b7a0f")
    assert found["ca_hash"] == x509.discovery_hash(authority.pem)
    assert {"kind", "subject", "command", "reason", "owner"} == set(found["found"][0])
    assert found["residue"] == [] and "worker" in found["diff"]["before"]
    assert "by: kubeadm reset" in found["diff"]["after"]


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_the_level_bare_brings_back_what_was_kept(build: Builder, check_mode: bool) -> None:
    root, spec = build.lab.machine.root, replace(SPEC, level="bare")
    build.worker().write("/etc/x.conf", "ours")
    kept.keep(root, {"files": {"/etc/x.conf": {"text": None, "mode": None}},
                     "written": {"/etc/x.conf": kept.digest("ours")}})
    before = tree(build.lab)
    outcome = converge(spec, build.lab.machine, check_mode)
    found = result(spec, build.lab.machine, outcome)
    assert found["actions"] == [*RESET, "bring back what was there before this collection"]
    assert found["changes"][0] == "file /etc/x.conf: this collection created it" and failure_of(outcome) == ""
    if check_mode:
        assert tree(build.lab) == before
        return
    assert left_of_a_cluster(build.lab) == []
    assert converge(spec, build.lab.machine, False).decision.name == "none"


def test_without_a_cluster_bare_needs_no_kubeadm(build: Builder) -> None:
    kept.keep(build.lab.machine.root, {"packages": {}})
    assert converge(SPEC, build.lab.machine, False).decision.name == "none"
    outcome = converge(replace(SPEC, level="bare"), build.lab.machine, False)
    assert outcome.changed and not any(line.startswith("kubeadm") for line in build.run.said)
    assert left_of_a_cluster(build.lab) == []


def test_what_cannot_be_brought_back_is_a_failure(build: Builder) -> None:
    kept.keep(build.lab.machine.root, {"swaps": ["/swap.img"]})
    build.run.failures["swapon"] = Completed(255, "", "no such device")
    outcome = converge(replace(SPEC, level="bare"), build.lab.machine, False)
    assert "swap /swap.img could not be restored to 'on'" in failure_of(outcome)
    assert build.lab.exists(kept.FILE)
