# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kubeadm_init, kubeadm_join and kubeadm_token share: the machine, its paths, kubeadm's own command."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from .._core import host_lock
from .._core.command import CommandFailed, Completed, Runner, run
from .._core.errors import ClassroomError
from .._core.files import Root, read_text, write_text
from .._host import systemd
from .._kube.api import Api, Client
from .._kube.kubeconfig import Kubeconfig
from .._runtime.runtimes import ambiguity, socket_path

ETC = "/etc/kubernetes"
MANIFESTS = ETC + "/manifests"
PKI = ETC + "/pki"
CA = PKI + "/ca.crt"
ADMIN_CONF = ETC + "/admin.conf"
KUBELET_CONF = ETC + "/kubelet.conf"
BOOTSTRAP_CONF = ETC + "/bootstrap-kubelet.conf"
KUBELET_DIR = "/var/lib/kubelet"
KUBELET_CONFIG = KUBELET_DIR + "/config.yaml"
KUBELET_CERTIFICATE = KUBELET_DIR + "/pki/kubelet-client-current.pem"
STATE = "/var/lib/classroom-kubeadm"
# On a tmpfs: what a killed run left there is gone with the next start of the machine at the latest.
PRIVATE = "/run/classroom-kubeadm"
LOCK = host_lock.LOCK

API_VERSION = "kubeadm.k8s.io/v1beta4"
VERSIONS = {
    "InitConfiguration": API_VERSION,
    "ClusterConfiguration": API_VERSION,
    "JoinConfiguration": API_VERSION,
    "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}
KNOWN_SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
)
_POLL = 0.5
_KUBELET_START = 60.0


class Connect(Protocol):
    """How a client of the API is made."""

    def __call__(self, server: str, ca: str, identity: Kubeconfig | None = None, timeout: float = 5.0) -> Api: ...


def find_program(name: str) -> str | None:
    """Where a program is; sbin is missing from the path of some sudo configurations."""
    return shutil.which(name, path=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin:/usr/local/bin")


def kubelet_answers(host: str, port: int) -> bool:
    """Whether the kubelet of this machine calls itself healthy."""
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def socket_answers(path: str) -> bool:
    """Whether somebody listens on a unix socket: its file outlives a killed runtime."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(3)
            connection.connect(path)
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class Machine:
    """Everything outside of the process, so that a unit test can put its own in its place.

    `now` is the date, in seconds since 1970, for what ends at a date. `monotonic` measures durations: it goes on evenly
    while the host's clock is set, as chrony does when it starts.
    """

    root: Root = field(default_factory=Root)
    run: Runner = run
    connect: Connect = Client
    kubelet_answers: Callable[[str, int], bool] = kubelet_answers
    socket_answers: Callable[[str], bool] = socket_answers
    find_program: Callable[[str], str | None] = find_program
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Ask until it is so, for so many seconds at most; asks once in any case."""
        end = self.monotonic() + seconds
        while not done():
            if self.monotonic() >= end:
                return False
            self.sleep(_POLL)
        return True


@dataclass(frozen=True)
class Decision:
    """What is to be done about the state of a machine, why, and by which actions in which order.

    `tolerable`: not to know more is no failure, because the machine does what it is there for.
    """

    name: str
    reason: str
    actions: tuple[str, ...] = ()
    tolerable: bool = False

    @property
    def acts(self) -> bool:
        return bool(self.actions)


def missing_programs(machine: Machine) -> tuple[str, ...]:
    return tuple(name for name in ("kubeadm", "kubelet") if not machine.find_program(name))


def programs_sentence(missing: Sequence[str]) -> str:
    return "{0} not installed. Install the packages of Kubernetes first (role kubernetes).".format(
        " and ".join(missing) + (" are" if len(missing) > 1 else " is")
    )


def validated(
    documents: Sequence[Mapping[str, Any]], allowed: Collection[str], needed: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The configuration documents by kind; a sentence for the first that does not belong."""
    found: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(documents, 1):
        kind, version = str(document.get("kind") or ""), str(document.get("apiVersion") or "")
        if kind not in allowed:
            raise ClassroomError(
                "document {0} of the configuration has the kind '{1}'. Known here are {2}.".format(
                    number, kind, ", ".join(sorted(allowed))
                )
            )
        if version != VERSIONS[kind]:
            raise ClassroomError(
                "the {0} has the apiVersion '{1}'. Give it as {2}.".format(kind, version, VERSIONS[kind])
            )
        if kind in found:
            raise ClassroomError("there are two documents of the kind {0}. Merge them into one.".format(kind))
        found[kind] = dict(document)
    for kind in sorted(set(needed) - set(found)):
        raise ClassroomError("the configuration has no document of the kind {0}. Add one.".format(kind))
    return found


def as_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """One JSON document after the other is valid YAML, and needs no YAML library on the machine."""
    return "\n---\n".join(json.dumps(document, indent=2, sort_keys=True) for document in documents) + "\n"


def running_kubeadm(root: Root) -> list[tuple[int, str]]:
    """Process id and verb of every kubeadm that changes this machine right now.

    A playbook that was killed leaves its kubeadm running. Processes in other containers do not count.
    """
    own = _namespace(root, "self")
    found = []
    for name in _numbers(root("/proc")):
        words = _command_line(root, name)
        changes = len(words) > 1 and os.path.basename(words[0]) == "kubeadm" and words[1] in ("init", "join", "reset")
        if changes and _namespace(root, name) == own:
            found.append((int(name), words[1]))
    return found


def _numbers(path: str) -> list[str]:
    try:
        return [name for name in os.listdir(path) if name.isdigit()]
    except OSError:
        return []


def _namespace(root: Root, process: str) -> str:
    try:
        return os.readlink(root("/proc/{0}/ns/pid".format(process)))
    except OSError:
        return ""


def _command_line(root: Root, process: str) -> list[str]:
    try:
        with open(root("/proc/{0}/cmdline".format(process)), "rb") as stream:
            return stream.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def wait_for_other_kubeadm(machine: Machine, seconds: float) -> None:
    """Let a kubeadm of a killed run come to its end: judging, or worse acting, in its middle would be wrong."""
    if machine.wait(lambda: not running_kubeadm(machine.root), seconds):
        return
    pid, verb = running_kubeadm(machine.root)[0]
    raise ClassroomError(
        "a 'kubeadm {0}' that an earlier run left (process {1}) is still running after {2:g} s. "
        "Wait for it or end it, then run this again.".format(verb, pid, seconds)
    )


@contextlib.contextmanager
def alone(machine: Machine, seconds: float) -> Iterator[None]:
    """Only one module at a time acts on a machine; a second one, of a run that was started again, waits."""
    with host_lock.held(machine.root.path, seconds, machine.wait) as taken:
        if taken:
            # No other module works now: these are a killed run's.
            shutil.rmtree(machine.root(PRIVATE), ignore_errors=True)
        yield


def leave_nothing_private(machine: Machine, seconds: float) -> None:
    """Take away the secrets of a run that was killed, on a machine where otherwise nothing is to be done."""
    if os.path.exists(machine.root(PRIVATE)):
        with alone(machine, seconds):
            pass


@contextlib.contextmanager
def private_files(machine: Machine, contents: Mapping[str, str]) -> Iterator[str]:
    """A directory that only root can read, with these files, for as long as a command needs them.

    The caller holds the host-wide lock, so what is there already was left by a run that was killed.
    """
    directory = machine.root(PRIVATE)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    try:
        for name, text in contents.items():
            write_text(os.path.join(directory, name), text, mode=0o600)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def kubeadm(machine: Machine, arguments: Sequence[str], timeout: float, hidden: Sequence[str] = ()) -> Completed:
    """Run kubeadm; its failure becomes a sentence that begins with what it calls errors."""
    try:
        return machine.run(["kubeadm", *arguments], timeout=timeout)
    except CommandFailed as problem:
        message = failure(problem.completed)
        for secret in hidden:
            message = message.replace(secret, "(hidden)")
        raise ClassroomError(
            "'kubeadm {0}' failed: {1}".format(" ".join(_verb(arguments)), message)
        ) from None


def _verb(arguments: Sequence[str]) -> list[str]:
    verb = []
    for argument in arguments:
        if argument.startswith("-"):
            break
        verb.append(argument)
    return verb


def failure(completed: Completed) -> str:
    """The part of kubeadm's output that a person needs, the preflight errors first."""
    if completed.rc in (124, 127):
        return completed.err
    lines = [line.strip() for line in (completed.err + "\n" + completed.out).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("[ERROR")]
    if errors:
        return "\n".join(errors)
    said = [line for line in lines if line.startswith(("error:", "error execution", "W", "E", "[kubelet-check]"))]
    said = [line for line in said if "error" in line.lower() or "fail" in line.lower()]
    return "\n".join((said or lines)[-6:]) or "it said nothing (exit status {0}).".format(completed.rc)


def socket_sentence(machine: Machine, uri: str) -> str:
    """Why kubeadm could not speak to the container runtime; empty when it can."""
    wanted = [socket_path(uri)] if uri else list(KNOWN_SOCKETS)
    answering = [path for path in wanted if machine.socket_answers(machine.root(path))]
    if answering:
        return ambiguity(answering)
    name = wanted[0] if uri else "the socket of a container runtime"
    present = [path for path in KNOWN_SOCKETS if path not in wanted and machine.socket_answers(machine.root(path))]
    if os.path.exists(machine.root(wanted[0])):
        found = "{0} exists, but nobody answers there".format(wanted[0])
    else:
        found = "there is no {0}".format(name)
    if present:
        return "wanted the container runtime at {0}, but {1}; {2} answers instead. Name that one as criSocket in the " \
               "configuration, or install the runtime that is meant.".format(name, found, " and ".join(present))
    return "wanted the container runtime at {0}, but {1}, and no other runtime answers. " \
           "Install and start a runtime first (role containerd or crio).".format(name, found)


def wait_for_kubelet(machine: Machine, host: str, port: int) -> bool:
    return machine.wait(lambda: machine.kubelet_answers(host, port), _KUBELET_START)


def restart_kubelet(machine: Machine) -> None:
    """restart, not start: a kubelet that runs and does not answer needs it too, and a stopped one is started."""
    try:
        systemd.act(machine.run, "restart", "kubelet")
    except CommandFailed as problem:
        raise ClassroomError("the kubelet does not start: {0}".format(problem.completed.text)) from problem


def kubelet_words(machine: Machine) -> str:
    """What the kubelet said last, to be put behind a sentence."""
    words = systemd.journal(machine.run, "kubelet", 5)
    return " The kubelet's last words: {0}".format(words) if words else ""


def is_control_plane(root: Root) -> bool:
    """Whether this machine runs, or was to run, an API server or keeps etcd's data."""
    return os.path.exists(root(MANIFESTS + "/kube-apiserver.yaml")) or os.path.isdir(root("/var/lib/etcd/member"))


def machine_id(root: Root) -> str:
    """What the kubelet reports as the machine's identity in its Node."""
    return (read_text(root("/etc/machine-id")) or "").strip()


def own_name() -> str:
    """The name that kubeadm gives the Node when the configuration does not."""
    return socket.gethostname().strip().lower()


def kubelet_health_address(kubelet_configuration: Mapping[str, Any]) -> tuple[str, int]:
    return (
        str(kubelet_configuration.get("healthzBindAddress") or "127.0.0.1"),
        int(kubelet_configuration.get("healthzPort") or 10248),
    )
