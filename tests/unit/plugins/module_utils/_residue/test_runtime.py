# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes, containers, what holds them, and mounts: seen without a runtime, and never taken for somebody else's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.model import Process, pod_cgroup
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.runtime import (
    containers,
    find_cgroups,
    find_containers,
    find_mounts,
    find_processes,
    find_shims,
    is_conmon,
    is_shim,
    mount_owner,
    parse_storage,
    present_runtime,
    process_owner,
    remove_cgroups,
    remove_containers,
    remove_mounts,
    remove_processes,
)
from tests.unit.support.residue_lab import OTHER, OWN, Host

ID, OTHER_ID = "a" * 64, "b" * 64
POD = "/kubepods/burstable/pod92d1fa7c35ec31a7130a3a50bf789257"
SHIM = ("/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", ID, "-address", "/run/x.sock")
TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
STORE = "/var/lib/containerd/io.containerd.grpc.v1.cri/"
CRIO = ("/usr/bin/conmon", "-b", "/run/containers/storage/x", "-c", ID, "--exit-dir", "/var/run/crio/exits")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def process(*words: str, cgroup: str = "", own: bool = True, age: float = 100.0) -> Process:
    return Process(1, words, cgroup, own, "net:[1]", age)


@pytest.mark.parametrize(("text", "cgroup"), [
    ("0::/kubepods/besteffort/podx/c\n", "/kubepods/besteffort/podx/c"),
    ("3:cpu:/\n1:name=systemd:/kubepods.slice/kubepods-pod1.slice/x.scope\n",
     "/kubepods.slice/kubepods-pod1.slice/x.scope"),
    ("0::/system.slice/kubelet.service\n", ""),
    # A cluster in a container of this machine, as its host sees it
    ("0::/machine.slice/libpod-1.scope/kubepods/pod1\n", ""),
    ("0::/kubepods-of-staff/x\n", ""), ("", ""), ("broken\n", ""),
])
def test_the_cgroup_of_a_pod(text: str, cgroup: str) -> None:
    assert pod_cgroup(text) == cgroup


@pytest.mark.parametrize(("found", "configured", "owner"), [
    (process("/usr/bin/kubelet"), True, "kubernetes"),
    (process("/usr/bin/kubelet"), False, "kubernetes"),
    # Not configured, it ends and starts every few seconds
    (process("/usr/bin/kubelet", age=0.5), False, ""),
    (process("/usr/bin/kubelet", age=0.5), True, "kubernetes"),
    (process("/usr/bin/kubelet", own=False), True, ""),
    (process("kube-apiserver"), True, "kubernetes"),
    (process("kube-apiserver", cgroup=POD), True, ""),
    (process("flanneld"), True, "flannel"), (process("calico-node"), True, "calico"),
    (process("cilium-agent"), True, "cilium"),
    (process("etcd", "--data-dir=/var/lib/etcd"), True, "kubernetes"),
    (process("etcd", "--data-dir", "/var/lib/etcd"), True, "kubernetes"),
    (process("etcd", "--data-dir=/var/lib/etcd/default"), True, ""),
    (process("vim", "kubelet"), True, ""), (process("dockerd"), True, ""),
])
def test_whose_a_process_is(found: Process, configured: bool, owner: str) -> None:
    assert process_owner(found, configured) == owner


@pytest.mark.parametrize(("words", "shim", "conmon"), [
    (SHIM, True, False),
    ((SHIM[0], "-namespace", "moby", "-id", ID), False, False),
    (("containerd", "-namespace", "k8s.io"), False, False),
    (CRIO, False, True),
    (("/usr/bin/conmon", "-c", ID, "--exit-dir", "/run/libpod/exits"), False, False),
])
def test_what_holds_containers(words: tuple[str, ...], shim: bool, conmon: bool) -> None:
    assert (is_shim(process(*words)), is_conmon(process(*words))) == (shim, conmon)
    assert not is_shim(process(*words, own=False))


def test_a_process_list_is_read_as_the_kernel_shows_it(host: Host) -> None:
    host.process(10, "/usr/bin/kubelet", "--config=x", age=60)
    host.process(11, "sh", namespace=OTHER, cgroup=POD + "/c")
    host.write("/proc/12/cmdline", "")
    first, second = host.scan.processes
    assert (first.pid, first.name, first.own, first.of_pod, round(first.age)) == (10, "kubelet", True, False, 60)
    assert (second.own, second.pod_cgroup, second.network) == (False, POD + "/c", "net:[1]")


# Containers


def test_containers_are_seen_without_their_runtime(host: Host) -> None:
    host.directory(STORE + "sandboxes/" + ID)
    host.directory(STORE + "containers/" + OTHER_ID)
    host.directory(STORE + "containers/staff")
    names = {"sandbox-namespace": "kube-system", "sandbox-name": "etcd-master", "container-name": "etcd"}
    annotations = {"io.kubernetes.cri." + key: value for key, value in names.items()}
    host.write(TASKS + OTHER_ID + "/config.json", json.dumps({"annotations": annotations}))
    assert [(finding.subject, finding.owner) for finding in find_containers(host.scan)] == [
        (ID[:13], "containerd"), (OTHER_ID[:13] + " kube-system/etcd-master/etcd", "containerd")]
    assert host.said == []


@pytest.mark.parametrize("config", ["", "{", "[]", "{}", '{"annotations": null}'])
def test_a_container_without_a_known_name(host: Host, config: str) -> None:
    host.write(TASKS + ID + "/config.json", config)
    assert [container.name for container in containers(host.scan)] == [""]


def test_a_lone_process_that_holds_a_container_is_one(host: Host) -> None:
    host.process(20, *SHIM)
    host.process(21, *CRIO[:4], OTHER_ID, *CRIO[5:])
    found = [(each.identity, each.runtime) for each in containers(host.scan)]
    assert found == [(ID, "containerd"), (OTHER_ID, "cri-o")]
    assert [finding.subject for finding in find_shims(host.scan)] == [
        "containerd-shim-runc-v2 of aaaaaaaaaaaaa (20)", "conmon of bbbbbbbbbbbbb (21)"]


def storage(*metadata: object) -> str:
    return json.dumps([{"id": ID, "metadata": json.dumps(each)} for each in metadata])


@pytest.mark.parametrize(("text", "names"), [
    (storage({"pod-id": "p", "pod-name": "web", "namespace": "x", "metadata-name": "nginx"}), ["x/web/nginx"]),
    (storage({"pod-id": "p", "pod-name": "web", "pod": True}), ["web"]),
    # podman's
    (storage({"image-name": "alpine", "name": "mine", "created-at": 1}), []),
    ("", []), ("{", []), ("{}", []), ("[1]", []), ('[{"metadata": "{"}]', []),
])
def test_cri_os_part_of_the_storage(text: str, names: list[str]) -> None:
    assert [container.name for container in parse_storage(text)] == names


def test_a_stopped_runtime_is_started_and_does_it_itself(host: Host) -> None:
    sandbox, container = STORE + "sandboxes/" + ID, STORE + "containers/" + OTHER_ID
    host.write(sandbox + "/x")
    host.write(container + "/status")
    host.answers.update({"systemctl": "", "ctr": ""})
    host.effects["systemctl start"] = lambda: host.sockets.add("/run/containerd/containerd.sock")
    assert list(remove_containers(host.scan, list(find_containers(host.scan)))) == []
    assert host.said == [
        "systemctl start -- containerd.service",
        f"ctr --namespace k8s.io tasks delete --force {OTHER_ID} {ID}",
        f"ctr --namespace k8s.io containers delete {OTHER_ID} {ID}",
        "ctr --namespace k8s.io sandboxes remove " + ID,
        "systemctl restart -- containerd.service",
    ]
    assert not host.exists(sandbox)


def test_kubeadm_removes_crios_pods_where_there_is_no_crictl(host: Host) -> None:
    host.process(20, *CRIO)
    host.sockets.add("/run/crio/crio.sock")
    host.programs.add("kubeadm")
    host.answers["kubeadm reset phase cleanup-node"] = ""
    host.effects["kubeadm reset phase cleanup-node --cri-socket unix:///run/crio/crio.sock"] = lambda: host.ends(20)
    assert list(remove_containers(host.scan, list(find_containers(host.scan)))) == []


@pytest.mark.parametrize(("runtime", "up", "why"), [
    ("containerd", False, "containerd does not run and cannot be started; see 'journalctl -u containerd.service'"),
    ("cri-o", True, "cri-o does not remove it; see 'journalctl -u crio.service'"),
    ("cri-o", False, "cri-o does not run and cannot be started; see 'journalctl -u crio.service'"),
])
def test_why_a_container_is_left(host: Host, runtime: str, up: bool, why: str) -> None:
    host.process(20, *(SHIM if runtime == "containerd" else CRIO))
    host.sockets |= {"/run/containerd/containerd.sock", "/run/crio/crio.sock"} if up else set()
    host.answers["systemctl"] = Completed(1, "", "failed")
    assert [finding.reason for finding in remove_containers(host.scan, list(find_containers(host.scan)))] == [why]


@pytest.mark.parametrize(("text", "runtime"), [
    ("containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n", "containerd"),
    ("containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n", "cri-o"),
    ("containerRuntimeEndpoint: ''\n", ""),
])
def test_the_runtime_in_use(host: Host, text: str, runtime: str) -> None:
    host.write("/var/lib/kubelet/config.yaml", text)
    assert present_runtime(host.scan) == runtime


# Ending processes


def test_the_kubelet_is_stopped_before_it_is_killed(host: Host) -> None:
    host.process(10, "/usr/bin/kubelet")
    host.directory("/run/systemd/system")
    host.answers["systemctl stop"] = ""
    host.effects["systemctl stop -- kubelet"] = lambda: host.ends(10)
    assert list(remove_processes(host.scan, list(find_processes(host.scan)))) == []
    assert host.said == ["systemctl stop -- kubelet"]


def test_a_process_that_does_not_end_is_killed_and_then_left(host: Host) -> None:
    host.process(10, "kube-proxy")
    host.process(11, "sshd")
    left = list(remove_processes(host.scan, list(find_processes(host.scan))))
    assert [finding.subject for finding in left] == ["kube-proxy (10)"]
    assert host.said == ["kill -TERM 10", "kill -KILL 10"]


def test_a_number_that_is_another_process_by_now_is_safe(host: Host) -> None:
    host.process(10, "kube-proxy")
    found = list(find_processes(host.scan))
    host.write("/proc/10/cmdline", "sshd\0")
    assert list(remove_processes(host.scan, found)) == []
    assert host.said == []


def test_processes_of_a_pod_are_one_finding_and_end_together(host: Host) -> None:
    host.process(30, "etcd", cgroup=POD + "/" + ID, namespace=OTHER)
    host.process(31, "/pause", cgroup=POD + "/" + OTHER_ID, namespace=OTHER)
    host.process(32, "sshd", namespace=OWN)
    found = list(find_cgroups(host.scan))
    assert [finding.subject for finding in found] == [POD]
    assert "etcd, pause" in found[0].reason
    host.effects["kill -KILL 30 31"] = lambda: [host.write(f"/proc/{pid}/cmdline", "") for pid in (30, 31)]
    assert list(remove_cgroups(host.scan, found)) == []
    assert host.said == ["kill -KILL 30 31"]


# Mounts


@pytest.mark.parametrize(("path", "owner"), [
    ("/var/lib/kubelet", ""), ("/var/lib/kubelet/pods/1/volumes/x", "kubernetes"), ("/var/lib/kubelet2/x", ""),
    (TASKS + ID + "/rootfs", "containerd"),
    ("/run/containerd/io.containerd.runtime.v2.task/moby/x/rootfs", ""),
    ("/run/containerd/io.containerd.grpc.v1.cri/sandboxes/x/shm", "containerd"),
    ("/run/cilium/cgroupv2", "cilium"), ("/run/calico/cgroup", "calico"),
    ("/crio/x/shm", "cri-o"), ("/home", ""), ("/mnt/var/lib/kubelet/x", ""),
])
def test_whose_a_mount_is(path: str, owner: str) -> None:
    assert mount_owner(path, ["/crio/"]) == owner


@pytest.mark.parametrize(("kind", "plain", "said"), [
    ("tmpfs", True, [[], []]), ("tmpfs", False, [[], ["--lazy"], [], ["--lazy"]]), ("nfs4", True, [["--lazy"]] * 2),
])
def test_the_innermost_mount_first_and_the_busy_one_lazily(
    host: Host, kind: str, plain: bool, said: Sequence[list[str]]
) -> None:
    host.mounts("/", "/var/lib/kubelet/a", "/var/lib/kubelet/a/b/c", kind=kind)
    found = list(find_mounts(host.scan))
    umount = "umount --internal-only --no-canonicalize"
    host.answers[umount] = "" if plain else Completed(32, "", "target is busy")
    host.effects[umount] = lambda: host.mounts("/") if len(host.said) == len(said) else None
    assert list(remove_mounts(host.scan, found)) == []
    assert [line.split()[3:-1] for line in host.said] == list(said)
    assert host.said[0].endswith("/var/lib/kubelet/a/b/c")


def test_a_mount_that_stays_is_left(host: Host) -> None:
    host.mounts("/", "/var/lib/kubelet/a")
    left = list(remove_mounts(host.scan, list(find_mounts(host.scan))))
    assert [finding.reason for finding in left] == ["it cannot be unmounted; see 'fuser -vm /var/lib/kubelet/a'"]
