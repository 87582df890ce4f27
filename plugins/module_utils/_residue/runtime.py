# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What still runs of a former cluster, or is kept by a container runtime, and the mounts it holds.

Containers are seen by what lies on the disk and by the processes that hold them, not by asking the runtime: a runtime
that is stopped hides nothing, and `kubeadm reset` calls it a success to have found nothing there.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

from .._core.command import CommandFailed
from .._host import systemd
from .._kube.node_paths import KUBELET_CONFIG, KUBELET_DIR
from .files import clear
from .model import CALICO, CHANGE, CILIUM, CONTAINERD, CRIO, FLANNEL, KUBERNETES, Finding, Kind, Process, Scan

PROCESS, CONTAINER, SHIM, CGROUP, MOUNT = "process", "container", "container shim", "pod cgroup", "mount"

_CRI_STORE = "/var/lib/containerd/io.containerd.grpc.v1.cri"
_CRI_STATE = "/run/containerd/io.containerd.grpc.v1.cri"
_TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
_CRIO_STORE = "/var/lib/containers/storage/overlay-containers"
_SOCKETS = {CONTAINERD: "/run/containerd/containerd.sock", CRIO: "/run/crio/crio.sock"}
_UNITS = {CONTAINERD: "containerd", CRIO: "crio"}
_NAMESPACE = "k8s.io"
_ID = re.compile(r"[0-9a-f]{64}$")
_SHORT = 13
# Programs that only a cluster runs, in a pod or, where a pod's cgroup was lost, beside it
_DAEMONS = {
    "kube-apiserver": KUBERNETES, "kube-controller-manager": KUBERNETES, "kube-scheduler": KUBERNETES,
    "kube-proxy": KUBERNETES, "flanneld": FLANNEL, "calico-node": CALICO, "cilium-agent": CILIUM,
}
# Without a configuration the kubelet ends and is started again every few seconds: that one is nobody's residue.
_STAYS = 10.0
_DEATH = 10.0
_POD = re.compile(r"^.*?/[^/]*pod[0-9a-f]{8}[^/]*")
_MOUNTS = (
    (KUBELET_DIR + "/", KUBERNETES),
    (_TASKS + "/", CONTAINERD),
    (_CRI_STATE + "/sandboxes/", CONTAINERD),
    ("/run/cilium/", CILIUM),
    ("/run/calico/", CALICO),
)


# Processes


def see_processes(look: Scan) -> Iterator[Finding]:
    configured = look.exists(KUBELET_CONFIG)
    for process in look.processes:
        owner = process_owner(process, configured)
        if owner:
            yield Finding(PROCESS, _titled(process), f"ps -fp {process.pid}", _process_reason(process), owner)


def process_owner(process: Process, configured: bool) -> str:
    """Whose a process beside pods is, empty for any other. `configured`: the kubelet has its configuration."""
    if not process.own or process.of_pod:
        return ""
    if process.name == "kubelet":
        return KUBERNETES if configured or process.age > _STAYS else ""
    if process.name == "etcd":
        return KUBERNETES if process.option("--data-dir", "-data-dir") == "/var/lib/etcd" else ""
    return _DAEMONS.get(process.name, "")


def _process_reason(process: Process) -> str:
    if process.name == "kubelet":
        return "it would start the former cluster's pods again"
    return "it holds ports and files that the next cluster needs"


def _titled(process: Process) -> str:
    return f"{process.name} ({process.pid})"


def take_processes(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    if any(finding.subject.startswith("kubelet ") for finding in findings) and systemd.is_booted(look.root):
        # A killed one would be started again
        with contextlib.suppress(CommandFailed):
            systemd.act(look.machine.run, "stop", "kubelet")
    yield from _kill(look, findings, _titled, "-TERM")


def _kill(
    look: Scan, findings: Sequence[Finding], title: Callable[[Process], str], first: str = "-KILL"
) -> Iterator[Finding]:
    """End the processes that still have these titles; a process number alone could be another one's by now."""
    subjects = {finding.subject for finding in findings}

    def living() -> list[Process]:
        return [process for process in Scan(look.machine).processes if title(process) in subjects]

    for signal in dict.fromkeys((first, "-KILL")):
        pids = [str(process.pid) for process in living()]
        if pids:
            look.say(["kill", signal, *pids])
            look.machine.wait(lambda: not living(), _DEATH)
    left = {title(process) for process in living()}
    for finding in findings:
        if finding.subject in left:
            yield finding.left("it does not end; a process that waits for a disk or a server cannot be killed")


# Containers


def present_runtime(look: Scan) -> str:
    """The runtime whose socket the kubelet was told, empty when that cannot be told."""
    text = look.text(KUBELET_CONFIG) + look.text(KUBELET_DIR + "/instance-config.yaml") + look.text(
        KUBELET_DIR + "/kubeadm-flags.env")
    found = [runtime for runtime, socket in _SOCKETS.items() if socket in text]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class Container:
    """A pod's sandbox or one of its containers. `name` is empty where nothing tells it."""

    identity: str
    runtime: str
    sandbox: bool
    name: str = ""

    @property
    def subject(self) -> str:
        return f"{self.identity[:_SHORT]} {self.name}".strip()


def see_containers(look: Scan) -> Iterator[Finding]:
    for container in containers(look):
        yield Finding(CONTAINER, container.subject, _shown(container),
                      "it runs on, or the next kubelet takes it for one of its own", container.runtime)


def _shown(container: Container) -> str:
    if container.runtime == CONTAINERD:
        return f"ctr -n {_NAMESPACE} containers info {container.identity}"
    return f"ls {_CRIO_STORE}/{container.identity}"


def containers(look: Scan) -> list[Container]:
    return [*_of_containerd(look), *_of_crio(look)]


def _of_containerd(look: Scan) -> list[Container]:
    found = dict.fromkeys((name for name in look.names(_CRI_STORE + "/sandboxes") if _ID.match(name)), True)
    for name in look.names(_CRI_STORE + "/containers"):
        if _ID.match(name):
            found.setdefault(name, False)
    for process in look.processes:
        if is_shim(process):
            found.setdefault(process.option("-id"), True)
    for name in look.names(_TASKS):
        if _ID.match(name):
            found.setdefault(name, False)
    return [Container(identity, CONTAINERD, sandbox, _task_name(look, identity)) for identity, sandbox in found.items()]


def _task_name(look: Scan, identity: str) -> str:
    """Namespace, pod and container as the runtime wrote them down for the program that started it."""
    try:
        annotations = json.loads(look.text(f"{_TASKS}/{identity}/config.json")).get("annotations") or {}
    except (ValueError, AttributeError):
        return ""
    keys = ("sandbox-namespace", "sandbox-name", "container-name")
    words = [annotations.get("io.kubernetes.cri." + key) for key in keys]
    return "/".join(str(word) for word in words if word)


def _of_crio(look: Scan) -> list[Container]:
    found = []
    for file in ("containers.json", "volatile-containers.json"):
        found += parse_storage(look.text(f"{_CRIO_STORE}/{file}"))
    for process in look.processes:
        identity = process.option("-c")
        if is_conmon(process) and identity not in [container.identity for container in found]:
            found.append(Container(identity, CRIO, False))
    return found


def parse_storage(text: str) -> list[Container]:
    """CRI-O's part of the list of containers that it shares with podman: only its own name a pod."""
    try:
        entries = json.loads(text or "[]")
    except ValueError:
        return []
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            metadata = json.loads(entry.get("metadata") or "{}")
        except (ValueError, AttributeError):
            continue
        if metadata.get("pod-id"):
            words = [metadata.get(key) for key in ("namespace", "pod-name", "metadata-name")]
            found.append(Container(str(entry.get("id")), CRIO, bool(metadata.get("pod")),
                                   "/".join(str(word) for word in words if word)))
    return found


def take_containers(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Through the runtime, which is started for it: what it keeps of a container is nobody else's to delete."""
    subjects = {finding.subject for finding in findings}
    wanted = [container for container in containers(look) if container.subject in subjects]
    for runtime, unit in _UNITS.items():
        mine = [container for container in wanted if container.runtime == runtime]
        if mine and not look.machine.socket_answers(look.root(_SOCKETS[runtime])):
            _start(look, runtime, unit)
        if mine:
            _take_from(look, runtime, mine)
    left = {container.identity[:_SHORT] for container in containers(Scan(look.machine))}
    for finding in findings:
        if finding.subject.partition(" ")[0] in left:
            yield finding.left(_why_left(look, finding))


def _why_left(look: Scan, finding: Finding) -> str:
    if not look.machine.socket_answers(look.root(_SOCKETS[finding.owner])):
        return f"{finding.owner} does not run and cannot be started; see 'journalctl -u {_UNITS[finding.owner]}'"
    return f"{finding.owner} does not remove it; see 'journalctl -u {_UNITS[finding.owner]}'"


def _start(look: Scan, runtime: str, unit: str) -> None:
    try:
        systemd.act(look.machine.run, "start", unit)
    except CommandFailed:
        return
    look.machine.wait(lambda: look.machine.socket_answers(look.root(_SOCKETS[runtime])), _DEATH)


def _take_from(look: Scan, runtime: str, wanted: Sequence[Container]) -> None:
    """Containers before the sandboxes they are in."""
    ordered = sorted(wanted, key=lambda container: container.sandbox)
    if look.machine.find_program("crictl"):
        for container in ordered:
            look.say(["crictl", "--runtime-endpoint", "unix://" + _SOCKETS[runtime],
                      "rmp" if container.sandbox else "rm", "--force", container.identity], CHANGE)
    elif runtime == CRIO and look.machine.find_program("kubeadm"):
        # It speaks with the runtime by itself, and removes all pods that the runtime has for a kubelet
        look.say(["kubeadm", "reset", "phase", "cleanup-node", "--cri-socket", "unix://" + _SOCKETS[runtime]], CHANGE)
    if runtime == CONTAINERD:
        # Also after crictl: it does not know what the runtime lost sight of
        _take_with_ctr(look, [each for each in ordered if each in containers(Scan(look.machine))])


def _take_with_ctr(look: Scan, wanted: Sequence[Container]) -> None:
    """One command for all of each, as ctr goes on after one that it does not find."""
    if not wanted:
        return
    identities = [container.identity for container in wanted]
    ctr = ["ctr", "--namespace", _NAMESPACE]
    look.say([*ctr, "tasks", "delete", "--force", *identities], CHANGE)
    look.say([*ctr, "containers", "delete", *identities], CHANGE)
    for container in wanted:
        if container.sandbox:
            look.say([*ctr, "sandboxes", "remove", container.identity], CHANGE)
    if not look.machine.socket_answers(look.root(_SOCKETS[CONTAINERD])):
        return
    for identity in identities:
        for path in (_CRI_STORE + "/containers/", _CRI_STORE + "/sandboxes/", _CRI_STATE + "/containers/"):
            clear(look, path + identity)
    try:
        # Its part for Kubernetes remembers what it started until it is started anew
        systemd.act(look.machine.run, "restart", _UNITS[CONTAINERD])
    except CommandFailed:
        return
    look.machine.wait(lambda: look.machine.socket_answers(look.root(_SOCKETS[CONTAINERD])), _DEATH)


# What holds containers


def is_shim(process: Process) -> bool:
    """containerd's, of Kubernetes' namespace: Docker's containers have another one."""
    return process.own and process.name.startswith("containerd-shim") and process.option("-namespace") == _NAMESPACE


def is_conmon(process: Process) -> bool:
    """CRI-O's: podman's conmon reports to podman."""
    return process.own and process.name == "conmon" and any("/crio/" in word for word in process.words)


def _shim_title(process: Process) -> str:
    if not (is_shim(process) or is_conmon(process)):
        return ""
    return "{} of {} ({})".format(process.name, process.option("-id", "-c")[:_SHORT], process.pid)


def see_shims(look: Scan) -> Iterator[Finding]:
    for process in look.processes:
        title = _shim_title(process)
        if title:
            yield Finding(SHIM, title, f"ps -fp {process.pid}", "it keeps a pod of the former cluster alive",
                          CONTAINERD if is_shim(process) else CRIO)


def take_shims(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    return _kill(look, findings, _shim_title)


# Processes of pods


def _pod_of(process: Process) -> str:
    """The part of a process' cgroup that belongs to its pod, or all of it where that cannot be told."""
    found = _POD.match(process.pod_cgroup)
    return found.group(0) if found else process.pod_cgroup


def see_cgroups(look: Scan) -> Iterator[Finding]:
    pods: dict[str, list[str]] = {}
    for process in look.processes:
        if process.of_pod:
            pods.setdefault(_pod_of(process), []).append(process.name)
    for pod, names in pods.items():
        yield Finding(CGROUP, pod, "systemd-cgls --no-pager " + pod,
                      "its processes hold ports, mounts and files: {}".format(", ".join(sorted(set(names)))),
                      KUBERNETES)


def take_cgroups(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    return _kill(look, findings, _pod_of)


# Mounts


def see_mounts(look: Scan) -> Iterator[Finding]:
    crio = _crio_mounts(look)
    for path in dict.fromkeys(mount.path for mount in look.mounts):
        owner = mount_owner(path, crio)
        if owner:
            yield Finding(MOUNT, path, "findmnt " + path, "what is below cannot be removed while it is there", owner)


def mount_owner(path: str, crio: Sequence[str] = ()) -> str:
    for start, owner in _MOUNTS:
        if path.startswith(start):
            return owner
    return CRIO if any(path.startswith(start) for start in crio) else ""


def _crio_mounts(look: Scan) -> list[str]:
    """Below CRI-O's own containers: podman keeps its ones beside them."""
    return [f"{_CRIO_STORE}/{container.identity}/" for container in _of_crio(look)]


def take_mounts(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The innermost first. One that is in use is only taken out of the tree: its users keep it until they end."""
    for finding in sorted(findings, key=lambda finding: finding.subject.count("/"), reverse=True):
        # Several can lie on top of each other
        for mount in [mount for mount in look.mounts if mount.path == finding.subject]:
            # Neither a helper of the file system nor a look at the path: both may hang
            umount = ["umount", "--internal-only", "--no-canonicalize"]
            if mount.remote or look.say([*umount, finding.subject], CHANGE).rc != 0:
                look.say([*umount, "--lazy", finding.subject], CHANGE)
    left = {mount.path for mount in Scan(look.machine).mounts}
    for finding in findings:
        if finding.subject in left:
            yield finding.left(f"it cannot be unmounted; see 'fuser -vm {finding.subject}'")


KINDS = (
    Kind(PROCESS, see_processes, take_processes),
    Kind(CONTAINER, see_containers, take_containers),
    Kind(SHIM, see_shims, take_shims),
    Kind(CGROUP, see_cgroups, take_cgroups),
    Kind(MOUNT, see_mounts, take_mounts),
)
