# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a host out of its cluster: the work itself, for callers that have decided to do it.

Each step may find its work done already, and the files that show a membership are removed last, so that the next reset
finishes one that was killed. Nothing is deleted below a mount, nothing waits for an API server, and no file has to be
written, so that a reset works with a full disk.
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
from .._kube.kubeconfig import Kubeconfig, is_complete
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

_UNITS = ("/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
_RUNTIME_START = 30.0
# Seconds, for all and for each container. kubeadm tries up to five times to remove each pod, some seconds each: with a
# network plugin that hangs this takes minutes. With one that works it takes a fraction of a second.
_KUBEADM, _KUBEADM_EACH = 10.0, 2.0
_ROUNDS = 3
# A path that does not exist, given as kubeconfig: kubeadm would wait for an API that may be down.
_NOWHERE = PRIVATE + "/nowhere"
# The place from which kubeadm reads a configuration that is not written to a disk.
_STDIN = "/dev/stdin"
# The files of a member of a cluster, or of a host whose join or init was not finished.
_MEMBERSHIP = (KUBELET_CONF, BOOTSTRAP_CONF, ADMIN_CONF, CA, KUBELET_CONFIG, MANIFESTS + "/etcd.yaml",
               MANIFESTS + "/kube-apiserver.yaml")


@dataclass(frozen=True)
class Runtime:
    """The container runtime of the host. `unit` is empty for one that this collection does not know."""

    socket: str
    unit: str
    answers: bool


def read_kubeconfigs(root: Root) -> tuple[list[Kubeconfig], str]:
    """Return the kubeconfig files that tell the cluster of this host, and what is wrong if none can be read."""
    found, problem = [], ""
    for path in (KUBELET_CONF, ADMIN_CONF):
        try:
            config = load_kubeconfig(root, path)
        except ClassroomError as error:
            # An incomplete file is what a killed kubeadm leaves. A complete one in another form is the user's.
            text = read_text(root(path)) or ""
            problem = problem or (str(error) if is_complete(text) else "")
            continue
        if config is not None:
            found.append(config)
    return found, "" if found else problem


def read_ca_hash(root: Root, configs: Sequence[Kubeconfig]) -> str:
    """Return the discovery hash of the cluster's CA, empty if there is no readable one."""
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
    """Return `control plane`, `worker`, `unfinished` or `none`."""
    if is_control_plane(root) and os.path.exists(root(ADMIN_CONF)):
        return "control plane"
    if is_control_plane(root):
        return "unfinished"
    if os.path.exists(root(KUBELET_CONF)) and not os.path.exists(root(BOOTSTRAP_CONF)):
        return "worker"
    return "unfinished" if any(os.path.exists(root(path)) for path in _MEMBERSHIP) else "none"


def find_runtime(machine: NodeContext, uri: str = "") -> Runtime | None:
    """Return the container runtime to clean up, or None if there is none that could run.

    The runtime that the kubelet uses takes precedence, even if another one is requested by now; then the one at `uri`,
    then the one that is installed.
    """
    own = runtimes.kubelets_socket(machine.root)
    wanted = [socket_path(uri)] if uri else list(runtimes.UNITS)
    known = [Runtime(path, _unit(machine.root, path), machine.socket_answers(machine.root(path)))
             for path in dict.fromkeys([own, *wanted] if own else wanted)]
    if own and (known[0].answers or known[0].unit):
        return known[0]
    return next((one for one in known if one.answers), next((one for one in known if one.unit), None))


def ambiguity(machine: NodeContext, uri: str = "") -> str:
    """Return why it is unclear which runtime has the containers; empty if the kubelet or the caller names one."""
    if uri or runtimes.kubelets_socket(machine.root):
        return ""
    return runtimes.ambiguity([path for path in runtimes.UNITS if machine.socket_answers(machine.root(path))])


def _unit(root: Root, path: str) -> str:
    """Return the unit of a socket, empty if it is not installed."""
    name = runtimes.UNITS.get(path, "")
    return name if name and any(os.path.exists(root(directory + name)) for directory in _UNITS) else ""


def is_kubeadms(membership: str, found: Sequence[Finding]) -> bool:
    """Return whether there is anything that `kubeadm reset` would remove."""
    return membership != "none" or any(finding.kind in ("container", "process") for finding in found)


def reset_machine(
    machine: NodeContext, cri_socket: str = "", timeout: float = 120, *, keep: Collection[str] = (),
    found: Sequence[Finding] | None = None,
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Reset the host. The caller holds the lock and has checked that the reset is allowed.

    `keep` are files and directories of the cluster that stay, `found` is a recent result of `residue.find`. Return
    warnings and what could not be removed. Raise ClassroomError if the reset would delete data through a mount; any
    other failure is a warning, and what it leaves is part of what could not be removed.
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
    # Removed before kubeadm deletes the CA: without it, a reset after a killed one could not identify them.
    copies = [finding for finding in found if finding.kind in ("kubeconfig", "kubectl cache")]
    residue.remove(machine, _without(copies, keep))
    if machine.find_program("kubeadm") and is_kubeadms(membership(machine.root), found):
        _end_pods(machine)
        limit = _KUBEADM + _KUBEADM_EACH * sum(finding.kind == "container" for finding in found)
        warnings += _kubeadm(machine, runtime, min(timeout, limit), keep)
    if etcd:
        # Cleared again, because etcd may have written while kubeadm deleted.
        warnings += clear_etcd(machine, etcd)
    return warnings, _swept(machine, known, keep)


def mounted_in_the_way(machine: NodeContext) -> str:
    """Return why a mount blocks the reset, empty if none does.

    `kubeadm reset` deletes data through mounts, except below /var/lib/kubelet.
    """
    look = Scan(machine)
    for directory in (MANIFESTS, ETC + "/pki", ETC + "/tmp", _etcd_directory(machine.root) or "/var/lib/etcd"):
        path = mounted_below(look, directory)
        if path:
            return (f"{directory} cannot be emptied: expected no mount below it, found {path}, and nothing is deleted "
                    f"through a mount. Unmount it ('umount {path}'), then try again. Nothing was changed.")
    return ""


def clear_etcd(machine: NodeContext, directory: str) -> tuple[str, ...]:
    """Remove etcd's data from its directory and return warnings."""
    problem = clear(Scan(machine), directory + "/member")
    return (problem + ".",) if problem else ()


def _started(machine: NodeContext, runtime: Runtime | None) -> tuple[str, ...]:
    """Start the runtime and return warnings: while it is stopped, containers keep running and cannot be removed."""
    if runtime is None or runtime.answers:
        return ()
    machine.run(["systemctl", "reset-failed", "--", runtime.unit], check=False)
    answer = machine.run(["systemctl", "start", "--", runtime.unit], timeout=_RUNTIME_START, check=False)
    if machine.wait(lambda: machine.socket_answers(machine.root(runtime.socket)), 0 if answer.rc else _RUNTIME_START):
        return ()
    words = (systemd.journal(machine.run, runtime.unit, 3) or answer.text).rstrip(".")
    return (f"{runtime.unit} does not start, so its containers can only be killed, and what it stores about them stays "
            f"until it runs again. Its last log lines: {words}.",)


def _stop_kubelet(machine: NodeContext) -> None:
    if not systemd.show(machine.run, "kubelet.service").exists:
        return
    try:
        systemd.act(machine.run, "stop", "kubelet.service")
    except CommandFailed as problem:
        raise ClassroomError("The kubelet does not stop: {}. It would re-create what is removed, so nothing was "
                             "deleted. Stop it and try again.".format(problem.completed.text.rstrip("."))) from problem


def _unmounted(machine: NodeContext) -> tuple[str, ...]:
    lazily, left = mounts.unmount_below(machine.root, KUBELET_DIR)
    if left:
        raise ClassroomError(
            "Cannot delete {}: {} below it cannot be unmounted, and nothing is deleted through a mount. End the "
            "processes that use it ('fuser -vm {}'), then try again. The kubelet is stopped.".format(
                KUBELET_DIR, " and ".join(mount.path for mount in left), left[0].path))
    return tuple(one.message for one in lazily)


def _end_pods(machine: NodeContext) -> None:
    """Kill all processes of pods at once, now that the kubelet does not start them again.

    Otherwise they could write to what is being deleted, even if kubeadm fails: etcd would re-create its files.
    """
    pids = [str(process.pid) for process in read_processes(machine.root) if process.of_pod]
    if pids:
        machine.run(["kill", "-KILL", *pids], check=False)


def _etcd_directory(root: Root) -> str:
    """Return etcd's data directory according to its manifest, empty if there is none."""
    for line in _readable(root(MANIFESTS + "/etcd.yaml")).splitlines():
        if "--data-dir=" in line:
            return line.split("--data-dir=", 1)[1].strip()
    return ""


def _kubeadm(machine: NodeContext, runtime: Runtime | None, timeout: float, keep: Collection[str]) -> tuple[str, ...]:
    """Run `kubeadm reset` and return warnings. What it leaves, even when it fails, is removed afterwards."""
    document: dict[str, Any] = {
        "apiVersion": API_VERSION, "kind": "ResetConfiguration", "force": True, "cleanupTmpDir": True,
    }
    if runtime is not None:
        document["criSocket"] = "unix://" + runtime.socket
    if keep:
        # kubeadm deletes everything in the directory of the certificates.
        document["certificatesDir"] = machine.root(_NOWHERE)
    answer = machine.run(
        ["kubeadm", "reset", "--config=" + _STDIN, "--kubeconfig=" + machine.root(_NOWHERE)],
        stdin=json.dumps(document), timeout=timeout, check=False)
    if answer.rc == 0:
        return ()
    return (f"'kubeadm reset' failed, and its work was done without it: {failure(answer)}",)


def _swept(machine: NodeContext, known: Collection[str], keep: Collection[str]) -> tuple[Finding, ...]:
    """Remove residue, in several rounds if needed, and return what could not be removed."""
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
    """Return the findings that are not, are not below and do not contain a path to keep."""
    def holds(subject: str) -> bool:
        return any((path + "/").startswith(subject.rstrip("/") + "/") or subject.startswith(path + "/")
                   for path in keep)
    return [finding for finding in found if not holds(finding.subject)]


def left_sentence(left: Sequence[Finding]) -> str:
    """Return the error message for an incomplete reset."""
    parts = ["{} {} ({}; see it with '{}')".format(one.kind, one.subject, one.reason.rstrip("."), one.command)
             for one in left]
    return ("The host is out of its cluster, but this could not be removed and would disturb the next one: {}. "
            "Remove it, or reboot the host, then try again.".format("; ".join(parts)))
