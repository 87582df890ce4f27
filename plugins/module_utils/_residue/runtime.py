# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove processes, containers and mounts of a former cluster.

Containers are found by their files on the disk and by their processes, without the runtime: a stopped runtime would
report none, and `kubeadm reset` would succeed without removing any.
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
from .._runtime import runtimes
from .files import clear
from .model import CALICO, CHANGE, CILIUM, CONTAINERD, CRIO, FLANNEL, KUBERNETES, Finding, Kind, Process, Scan

PROCESS, CONTAINER, SHIM, CGROUP, MOUNT = "process", "container", "container shim", "pod cgroup", "mount"

_CRI_STORE = "/var/lib/containerd/io.containerd.grpc.v1.cri"
_CRI_STATE = "/run/containerd/io.containerd.grpc.v1.cri"
_TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
_CRIO_STORE = "/var/lib/containers/storage/overlay-containers"
_RUNTIMES = {CONTAINERD: runtimes.CONTAINERD, CRIO: runtimes.CRIO}
_SOCKETS = {owner: runtime.socket for owner, runtime in _RUNTIMES.items()}
_UNITS = {owner: runtime.unit for owner, runtime in _RUNTIMES.items()}
_NAMESPACE = "k8s.io"
_ID = re.compile(r"[0-9a-f]{64}$")
_SHORT = 13
# Programs that only a cluster runs, in a pod or, if the pod's cgroup is lost, outside of one
_DAEMONS = {
    "kube-apiserver": KUBERNETES, "kube-controller-manager": KUBERNETES, "kube-scheduler": KUBERNETES,
    "kube-proxy": KUBERNETES, "flanneld": FLANNEL, "calico-node": CALICO, "cilium-agent": CILIUM,
}
# Seconds after which a kubelet counts as running: without a configuration, systemd restarts it every few seconds.
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


def find_processes(scan: Scan) -> Iterator[Finding]:
    """Yield the processes of a cluster outside of pods."""
    configured = scan.exists(KUBELET_CONFIG)
    for process in scan.processes:
        owner = process_owner(process, configured)
        if owner:
            yield Finding(PROCESS, _titled(process), f"ps -fp {process.pid}", _process_reason(process), owner)


def process_owner(process: Process, configured: bool) -> str:
    """Return the owner of a process outside of pods, empty for none. `configured`: the kubelet has a configuration."""
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


def remove_processes(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Stop the kubelet's unit, and end processes."""
    if any(finding.subject.startswith("kubelet ") for finding in findings) and systemd.is_booted(scan.root):
        # systemd would restart a killed kubelet
        with contextlib.suppress(CommandFailed):
            systemd.act(scan.machine.run, "stop", "kubelet")
    yield from _kill(scan, findings, _titled, "-TERM")


def _kill(
    scan: Scan, findings: Sequence[Finding], title: Callable[[Process], str], first: str = "-KILL"
) -> Iterator[Finding]:
    """End the processes with these titles: a process number alone may belong to another process by now."""
    subjects = {finding.subject for finding in findings}

    def living() -> list[Process]:
        return [process for process in Scan(scan.machine).processes if title(process) in subjects]

    for signal in dict.fromkeys((first, "-KILL")):
        pids = [str(process.pid) for process in living()]
        if pids:
            scan.say(["kill", signal, *pids])
            scan.machine.wait(lambda: not living(), _DEATH)
    left = {title(process) for process in living()}
    for finding in findings:
        if finding.subject in left:
            yield finding.left("it does not end; a process that waits for a disk or a server cannot be killed")


# Containers


def present_runtime(scan: Scan) -> str:
    """Return the runtime whose socket the kubelet uses, empty when it cannot be determined."""
    text = scan.text(KUBELET_CONFIG) + scan.text(KUBELET_DIR + "/instance-config.yaml") + scan.text(
        KUBELET_DIR + "/kubeadm-flags.env")
    found = [runtime for runtime, socket in _SOCKETS.items() if socket in text]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class Container:
    """A pod's sandbox or one of its containers. `name` is empty if it is unknown."""

    identity: str
    runtime: str
    sandbox: bool
    name: str = ""

    @property
    def subject(self) -> str:
        return f"{self.identity[:_SHORT]} {self.name}".strip()


def find_containers(scan: Scan) -> Iterator[Finding]:
    """Yield the containers of Kubernetes in both runtimes."""
    for container in containers(scan):
        yield Finding(CONTAINER, container.subject, _shown(container),
                      "it keeps running, or the next kubelet takes it for one of its own", container.runtime)


def _shown(container: Container) -> str:
    if container.runtime == CONTAINERD:
        return f"ctr -n {_NAMESPACE} containers info {container.identity}"
    return f"ls {_CRIO_STORE}/{container.identity}"


def containers(scan: Scan) -> list[Container]:
    """Return the containers of Kubernetes in both runtimes."""
    return [*_of_containerd(scan), *_of_crio(scan)]


def _of_containerd(scan: Scan) -> list[Container]:
    found = dict.fromkeys((name for name in scan.names(_CRI_STORE + "/sandboxes") if _ID.match(name)), True)
    for name in scan.names(_CRI_STORE + "/containers"):
        if _ID.match(name):
            found.setdefault(name, False)
    for process in scan.processes:
        if is_shim(process):
            found.setdefault(process.option("-id"), True)
    for name in scan.names(_TASKS):
        if _ID.match(name):
            found.setdefault(name, False)
    return [Container(identity, CONTAINERD, sandbox, _task_name(scan, identity)) for identity, sandbox in found.items()]


def _task_name(scan: Scan, identity: str) -> str:
    """Return NAMESPACE/POD/CONTAINER as the runtime recorded it for runc, empty when it is unknown."""
    try:
        annotations = json.loads(scan.text(f"{_TASKS}/{identity}/config.json")).get("annotations") or {}
    except (ValueError, AttributeError):
        return ""
    keys = ("sandbox-namespace", "sandbox-name", "container-name")
    words = [annotations.get("io.kubernetes.cri." + key) for key in keys]
    return "/".join(str(word) for word in words if word)


def _of_crio(scan: Scan) -> list[Container]:
    found = []
    for file in ("containers.json", "volatile-containers.json"):
        found += parse_storage(scan.text(f"{_CRIO_STORE}/{file}"))
    for process in scan.processes:
        identity = process.option("-c")
        if is_conmon(process) and identity not in [container.identity for container in found]:
            found.append(Container(identity, CRIO, False))
    return found


def parse_storage(text: str) -> list[Container]:
    """Parse CRI-O's containers in the list that it shares with podman: only CRI-O's entries name a pod."""
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


def remove_containers(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove containers through their runtime, which is started for it: only the runtime can delete their state."""
    subjects = {finding.subject for finding in findings}
    wanted = [container for container in containers(scan) if container.subject in subjects]
    for runtime, unit in _UNITS.items():
        mine = [container for container in wanted if container.runtime == runtime]
        if mine and not scan.machine.socket_answers(scan.root(_SOCKETS[runtime])):
            _start(scan, runtime, unit)
        if mine:
            _remove_from(scan, runtime, mine)
    left = {container.identity[:_SHORT] for container in containers(Scan(scan.machine))}
    for finding in findings:
        if finding.subject.partition(" ")[0] in left:
            yield finding.left(_why_left(scan, finding))


def _why_left(scan: Scan, finding: Finding) -> str:
    if not scan.machine.socket_answers(scan.root(_SOCKETS[finding.owner])):
        return f"{finding.owner} does not run and cannot be started; see 'journalctl -u {_UNITS[finding.owner]}'"
    return f"{finding.owner} does not remove it; see 'journalctl -u {_UNITS[finding.owner]}'"


def _start(scan: Scan, runtime: str, unit: str) -> None:
    try:
        systemd.act(scan.machine.run, "start", unit)
    except CommandFailed:
        return
    scan.machine.wait(lambda: scan.machine.socket_answers(scan.root(_SOCKETS[runtime])), _DEATH)


def _remove_from(scan: Scan, runtime: str, wanted: Sequence[Container]) -> None:
    """Remove containers of one runtime, before the sandboxes they are in."""
    ordered = sorted(wanted, key=lambda container: container.sandbox)
    if scan.machine.find_program("crictl"):
        for container in ordered:
            scan.say(["crictl", "--runtime-endpoint", _RUNTIMES[runtime].uri,
                      "rmp" if container.sandbox else "rm", "--force", container.identity], CHANGE)
    elif runtime == CRIO and scan.machine.find_program("kubeadm"):
        # kubeadm connects to the runtime itself, and removes all pods of the kubelet
        scan.say(["kubeadm", "reset", "phase", "cleanup-node", "--cri-socket", _RUNTIMES[runtime].uri], CHANGE)
    if runtime == CONTAINERD:
        # Required after crictl, too: it does not see containers that the runtime lost
        _remove_with_ctr(scan, [each for each in ordered if each in containers(Scan(scan.machine))])


def _remove_with_ctr(scan: Scan, wanted: Sequence[Container]) -> None:
    """Remove containers with ctr, with one command for each step: ctr continues after a missing one."""
    if not wanted:
        return
    identities = [container.identity for container in wanted]
    ctr = ["ctr", "--namespace", _NAMESPACE]
    scan.say([*ctr, "tasks", "delete", "--force", *identities], CHANGE)
    scan.say([*ctr, "containers", "delete", *identities], CHANGE)
    for container in wanted:
        if container.sandbox:
            scan.say([*ctr, "sandboxes", "remove", container.identity], CHANGE)
    if not scan.machine.socket_answers(scan.root(_SOCKETS[CONTAINERD])):
        return
    for identity in identities:
        for path in (_CRI_STORE + "/containers/", _CRI_STORE + "/sandboxes/", _CRI_STATE + "/containers/"):
            clear(scan, path + identity)
    try:
        # containerd's CRI plugin remembers the containers that it started until a restart
        systemd.act(scan.machine.run, "restart", _UNITS[CONTAINERD])
    except CommandFailed:
        return
    scan.machine.wait(lambda: scan.machine.socket_answers(scan.root(_SOCKETS[CONTAINERD])), _DEATH)


# Container shims


def is_shim(process: Process) -> bool:
    """Return whether a process is containerd's shim in the namespace of Kubernetes; Docker uses another one."""
    return process.own and process.name.startswith("containerd-shim") and process.option("-namespace") == _NAMESPACE


def is_conmon(process: Process) -> bool:
    """Return whether a process is CRI-O's conmon, not podman's."""
    return process.own and process.name == "conmon" and any("/crio/" in word for word in process.words)


def _shim_title(process: Process) -> str:
    if not (is_shim(process) or is_conmon(process)):
        return ""
    return "{} of {} ({})".format(process.name, process.option("-id", "-c")[:_SHORT], process.pid)


def find_shims(scan: Scan) -> Iterator[Finding]:
    """Yield the processes that hold containers."""
    for process in scan.processes:
        title = _shim_title(process)
        if title:
            yield Finding(SHIM, title, f"ps -fp {process.pid}", "it keeps a pod of the former cluster alive",
                          CONTAINERD if is_shim(process) else CRIO)


def remove_shims(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Kill container shims."""
    return _kill(scan, findings, _shim_title)


# Processes of pods


def _pod_of(process: Process) -> str:
    """Return the part of a process' cgroup that belongs to its pod, or the whole cgroup if it is unknown."""
    found = _POD.match(process.pod_cgroup)
    return found.group(0) if found else process.pod_cgroup


def find_cgroups(scan: Scan) -> Iterator[Finding]:
    """Yield the cgroups of pods with processes in them."""
    pods: dict[str, list[str]] = {}
    for process in scan.processes:
        if process.of_pod:
            pods.setdefault(_pod_of(process), []).append(process.name)
    for pod, names in pods.items():
        yield Finding(CGROUP, pod, "systemd-cgls --no-pager " + pod,
                      "its processes hold ports, mounts and files: {}".format(", ".join(sorted(set(names)))),
                      KUBERNETES)


def remove_cgroups(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Kill the processes in cgroups of pods."""
    return _kill(scan, findings, _pod_of)


# Mounts


def find_mounts(scan: Scan) -> Iterator[Finding]:
    """Yield the mounts of pods and containers."""
    crio = _crio_mounts(scan)
    for path in dict.fromkeys(mount.path for mount in scan.mounts):
        owner = mount_owner(path, crio)
        if owner:
            yield Finding(MOUNT, path, "findmnt " + path, "files below cannot be removed while it exists", owner)


def mount_owner(path: str, crio: Sequence[str] = ()) -> str:
    """Return the owner of a mount, empty for none of a cluster."""
    for start, owner in _MOUNTS:
        if path.startswith(start):
            return owner
    return CRIO if any(path.startswith(start) for start in crio) else ""


def _crio_mounts(scan: Scan) -> list[str]:
    """Return the directories of CRI-O's containers, next to which podman has its own."""
    return [f"{_CRIO_STORE}/{container.identity}/" for container in _of_crio(scan)]


def remove_mounts(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Unmount, innermost mounts first. A mount in use is detached: its processes keep it until they end."""
    for finding in sorted(findings, key=lambda finding: finding.subject.count("/"), reverse=True):
        # Several mounts may be on the same path
        for mount in [mount for mount in scan.mounts if mount.path == finding.subject]:
            # Without a helper of the file system and without access to the path: both may hang
            umount = ["umount", "--internal-only", "--no-canonicalize"]
            if mount.remote or scan.say([*umount, finding.subject], CHANGE).rc != 0:
                scan.say([*umount, "--lazy", finding.subject], CHANGE)
    left = {mount.path for mount in Scan(scan.machine).mounts}
    for finding in findings:
        if finding.subject in left:
            yield finding.left(f"it cannot be unmounted; see 'fuser -vm {finding.subject}'")


KINDS = (
    Kind(PROCESS, find_processes, remove_processes),
    Kind(CONTAINER, find_containers, remove_containers),
    Kind(SHIM, find_shims, remove_shims),
    Kind(CGROUP, find_cgroups, remove_cgroups),
    Kind(MOUNT, find_mounts, remove_mounts),
)
