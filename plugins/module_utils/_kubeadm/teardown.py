# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes a machine out of its cluster: the work itself, for everybody who has decided that it is to be done.

Each step may find its work done already, and what says that there is work goes last: a reset that was killed is
finished by the next one. Nothing is deleted below a mount, nothing waits for an API server, and no file has to be
written, so that a full disk is no reason to fail.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.command import CommandFailed
from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._core.paths import PRIVATE
from .._formats import x509
from .._host import mounts, systemd
from .._kube.context import NodeContext
from .._kube.kubeconfig import Kubeconfig
from .._kube.kubeconfig import load as load_kubeconfig
from .._kube.node import is_control_plane
from .._kube.node_paths import ADMIN_CONF, BOOTSTRAP_CONF, CA, ETC, KUBELET_CONF, KUBELET_CONFIG, KUBELET_DIR, MANIFESTS
from .._residue import kinds as residue
from .._residue.files import clear, mounted_below
from .._residue.kinds import Finding
from .._residue.model import Scan, read_processes
from .._runtime import runtimes
from .._runtime.runtimes import socket_path
from .command import failure
from .config import API_VERSION

# The runtimes by the sockets at which kubeadm knows them.
RUNTIMES = {
    "/run/containerd/containerd.sock": "containerd.service",
    "/run/crio/crio.sock": "crio.service",
    "/run/cri-dockerd.sock": "cri-docker.service",
}
_UNITS = ("/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
_RUNTIME_START = 30.0
# kubeadm asks the runtime up to five times for each pod, some seconds each: a network plugin that hangs would make
# minutes of it. One that works takes a fraction of a second, so more than this (for all, and for each container) is no
# use.
_KUBEADM, _KUBEADM_EACH = 10.0, 2.0
_ROUNDS = 3
# What kubeadm is given instead of a way to the API, which need not be there and would be waited for.
_NOWHERE = PRIVATE + "/nowhere"
# The place from which kubeadm reads a configuration that is not written to a disk.
_STDIN = "/dev/stdin"
# The files by which a machine belongs to a cluster, or was about to.
_MEMBERSHIP = (KUBELET_CONF, BOOTSTRAP_CONF, ADMIN_CONF, CA, KUBELET_CONFIG, MANIFESTS + "/etcd.yaml",
               MANIFESTS + "/kube-apiserver.yaml")


@dataclass(frozen=True)
class Runtime:
    """The container runtime of the machine. `unit` is empty for one that this collection does not know."""

    socket: str
    unit: str
    answers: bool


def read_kubeconfigs(root: Root) -> tuple[list[Kubeconfig], str]:
    """Those by which the machine says where it belongs, and what is wrong with one that does not say it."""
    found, problem = [], ""
    for path in (KUBELET_CONF, ADMIN_CONF):
        try:
            config = load_kubeconfig(root, path)
        except ClassroomError as error:
            # Half a file is what a killed kubeadm leaves; a whole one of another form is somebody's.
            text = read_text(root(path)) or ""
            problem = problem or (str(error) if text.endswith("\n") and "users" in text else "")
            continue
        if config is not None:
            found.append(config)
    return found, "" if found else problem


def read_ca_hash(root: Root, configs: Sequence[Kubeconfig]) -> str:
    for text in (*(config.ca for config in configs), _readable(root(CA))):
        try:
            return x509.discovery_hash(text)
        except ClassroomError:
            continue
    return ""


def _readable(path: str) -> str:
    try:
        return read_text(path) or ""
    except ClassroomError:
        return ""


def known_hashes(ca_hash: str) -> tuple[str, ...]:
    return (ca_hash,) if ca_hash else ()


def membership(root: Root) -> str:
    if is_control_plane(root) and os.path.exists(root(ADMIN_CONF)):
        return "control plane"
    if is_control_plane(root):
        return "unfinished"
    if os.path.exists(root(KUBELET_CONF)) and not os.path.exists(root(BOOTSTRAP_CONF)):
        return "worker"
    return "unfinished" if any(os.path.exists(root(path)) for path in _MEMBERSHIP) else "none"


def find_runtime(machine: NodeContext, uri: str = "") -> Runtime | None:
    """The runtime that the kubelet has, even where another one is wished for by now; else that of the socket, or the
    one that the machine has. None when it has none that could run.
    """
    own = runtimes.kubelets_socket(machine.root)
    wanted = [socket_path(uri)] if uri else list(RUNTIMES)
    known = [Runtime(path, _unit(machine.root, path), machine.socket_answers(machine.root(path)))
             for path in dict.fromkeys([own, *wanted] if own else wanted)]
    if own and (known[0].answers or known[0].unit):
        return known[0]
    return next((one for one in known if one.answers), next((one for one in known if one.unit), None))


def ambiguity(machine: NodeContext, uri: str = "") -> str:
    """Why nobody can tell which runtime has the containers; empty where the kubelet, or the caller, names one."""
    if uri or runtimes.kubelets_socket(machine.root):
        return ""
    return runtimes.ambiguity([path for path in RUNTIMES if machine.socket_answers(machine.root(path))])


def _unit(root: Root, path: str) -> str:
    """The unit behind a socket, if there is such a unit."""
    name = RUNTIMES.get(path, "")
    return name if name and any(os.path.exists(root(directory + name)) for directory in _UNITS) else ""


def is_kubeadms(membership: str, found: Sequence[Finding]) -> bool:
    """Whether there is something that kubeadm removes; of what it leaves it knows nothing."""
    return membership != "none" or any(finding.kind in ("container", "process") for finding in found)


def reset_machine(
    machine: NodeContext, cri_socket: str = "", timeout: float = 120, *, keep: Collection[str] = (),
    found: Sequence[Finding] | None = None,
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Do it, whatever the machine is: the caller has the lock and has made sure that it may be done.

    `keep` are files and directories that stay although they are of the cluster, `found` what `residue.find` said a
    moment ago. Returns warnings and what could not be removed. Raises ClassroomError where going on would delete what
    is behind a mount; everything else that fails is a warning, and what it leaves is among what is left.
    """
    configs, _unreadable = read_kubeconfigs(machine.root)
    known = known_hashes(read_ca_hash(machine.root, configs))
    found = residue.find(machine, known) if found is None else found
    runtime = find_runtime(machine, cri_socket)
    etcd = _etcd_directory(machine.root)
    mounted = mounted_in_the_way(machine)
    if mounted:
        raise ClassroomError(mounted)
    warnings = _started(machine, runtime)
    _stop_kubelet(machine)
    warnings += _unmounted(machine)
    # Without the CA, which kubeadm deletes, nobody could tell whose they were, should this be killed.
    copies = [finding for finding in found if finding.kind in ("kubeconfig", "kubectl cache")]
    residue.remove(machine, _without(copies, keep))
    if machine.find_program("kubeadm") and is_kubeadms(membership(machine.root), found):
        _end_pods(machine)
        patience = _KUBEADM + _KUBEADM_EACH * sum(finding.kind == "container" for finding in found)
        warnings += _kubeadm(machine, runtime, min(timeout, patience), keep)
    if etcd:
        # Once more, because etcd may have written while kubeadm deleted.
        warnings += clear_etcd(machine, etcd)
    return warnings, _swept(machine, known, keep)


def mounted_in_the_way(machine: NodeContext) -> str:
    """Why no reset may begin: `kubeadm reset` deletes what is behind a mount, except below /var/lib/kubelet."""
    look = Scan(machine)
    for directory in (MANIFESTS, ETC + "/pki", ETC + "/tmp", _etcd_directory(machine.root) or "/var/lib/etcd"):
        path = mounted_below(look, directory)
        if path:
            return f"{directory} cannot be emptied: expected no mount below it, found {path}, and nothing is deleted " \
                   "through a " \
                   f"mount. Unmount it ('umount {path}'), then run this again. Nothing was changed."
    return ""


def clear_etcd(machine: NodeContext, directory: str) -> tuple[str, ...]:
    """Remove etcd's data from its directory, wherever the manifest or the configuration has it; warnings."""
    problem = clear(Scan(machine), directory + "/member")
    return (problem + ".",) if problem else ()


def _started(machine: NodeContext, runtime: Runtime | None) -> tuple[str, ...]:
    """With the runtime stopped its containers would go on running, and nobody could remove them."""
    if runtime is None or runtime.answers:
        return ()
    machine.run(["systemctl", "reset-failed", "--", runtime.unit], check=False)
    answer = machine.run(["systemctl", "start", "--", runtime.unit], timeout=_RUNTIME_START, check=False)
    if machine.wait(lambda: machine.socket_answers(machine.root(runtime.socket)), 0 if answer.rc else _RUNTIME_START):
        return ()
    words = (systemd.journal(machine.run, runtime.unit, 3) or answer.text).rstrip(".")
    return (f"{runtime.unit} does not start, so its containers can only be killed, and what it stores about them stays "
            "until it "
            f"runs again. Its last words: {words}.",)


def _stop_kubelet(machine: NodeContext) -> None:
    if not systemd.show(machine.run, "kubelet.service").exists:
        return
    try:
        systemd.act(machine.run, "stop", "kubelet.service")
    except CommandFailed as problem:
        raise ClassroomError("the kubelet does not stop: {}. It would make anew what is removed; nothing was "
                             "deleted.".format(problem.completed.text.rstrip("."))) from problem


def _unmounted(machine: NodeContext) -> tuple[str, ...]:
    lazily, left = mounts.unmount_below(machine.root, KUBELET_DIR)
    if left:
        raise ClassroomError(
            "wanted to delete {}, but {} below it cannot be unmounted, and nothing is deleted through a mount. End "
            "the processes that use it ('fuser -vm {}'), then run this again; the kubelet is stopped.".format(
                KUBELET_DIR, " and ".join(mount.path for mount in left), left[0].path))
    return tuple(one.sentence for one in lazily)


def _end_pods(machine: NodeContext) -> None:
    """End all processes of pods at once, now that no kubelet starts them again.

    Whatever becomes of kubeadm then, nothing is written any more to what is deleted: etcd would make its files anew.
    """
    pids = [str(process.pid) for process in read_processes(machine.root) if process.of_pod]
    if pids:
        machine.run(["kill", "-KILL", *pids], check=False)


def _etcd_directory(root: Root) -> str:
    """Where the manifest has etcd's data, if not in the usual place."""
    for line in _readable(root(MANIFESTS + "/etcd.yaml")).splitlines():
        if "--data-dir=" in line:
            return line.split("--data-dir=", 1)[1].strip()
    return ""


def _kubeadm(machine: NodeContext, runtime: Runtime | None, timeout: float, keep: Collection[str]) -> tuple[str, ...]:
    """Run `kubeadm reset`. It is best effort in any case: what it leaves, or fails at, is removed afterwards."""
    document: dict[str, Any] = {
        "apiVersion": API_VERSION, "kind": "ResetConfiguration", "force": True, "cleanupTmpDir": True,
    }
    if runtime is not None:
        document["criSocket"] = "unix://" + runtime.socket
    if keep:
        # It empties the certificates' directory whole.
        document["certificatesDir"] = machine.root(_NOWHERE)
    answer = machine.run(
        ["kubeadm", "reset", "--config=" + _STDIN, "--kubeconfig=" + machine.root(_NOWHERE)],
        stdin=json.dumps(document), timeout=timeout, check=False)
    if answer.rc == 0:
        return ()
    return (f"'kubeadm reset' failed, and its work was done without it: {failure(answer)}",)


def _swept(machine: NodeContext, known: Collection[str], keep: Collection[str]) -> tuple[Finding, ...]:
    """Remove what is left until nothing is; what is returned could not be removed."""
    left: tuple[Finding, ...] = ()
    for _round in range(_ROUNDS):
        found = _without(residue.find(machine, known), keep)
        if not found:
            return ()
        left = residue.remove(machine, found)
        if left and {(one.kind, one.subject) for one in left} == {(one.kind, one.subject) for one in found}:
            break
    return left or tuple(_without(residue.find(machine, known), keep))


def _without(found: Sequence[Finding], keep: Collection[str]) -> list[Finding]:
    """The findings that are not, and do not hold, something that is to be kept."""
    def holds(subject: str) -> bool:
        return any((path + "/").startswith(subject.rstrip("/") + "/") or subject.startswith(path + "/")
                   for path in keep)
    return [finding for finding in found if not holds(finding.subject)]


def left_sentence(left: Sequence[Finding]) -> str:
    """The failure of a reset that is not complete."""
    parts = ["{} {} ({}; see it with '{}')".format(one.kind, one.subject, one.reason.rstrip("."), one.command)
             for one in left]
    return "the machine is out of its cluster, but this could not be removed and would disturb the next one: {}. " \
           "Remove it, or boot the machine, then run this again.".format("; ".join(parts))
