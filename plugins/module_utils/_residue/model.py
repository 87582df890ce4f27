# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of residue: findings, kinds, and the scan of a host that all kinds share."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Callable, TypeVar

from .._core.command import Completed
from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._host import mounts
from .._host.mounts import Mount
from .._kube.context import NodeContext

KUBERNETES = "kubernetes"

# Timeouts in seconds: a command that only reads ends at once or hangs, a command that changes one object nearly so.
LOOK = 10.0
CHANGE = 20.0

KUBERNETES, FLANNEL, CALICO, CILIUM = "kubernetes", "flannel", "calico", "cilium"
CONTAINERD, CRIO, COLLECTION = "containerd", "cri-o", "classroom.kubeadm"
NETWORK_PLUGINS = (FLANNEL, CALICO, CILIUM)

# The cgroups that the kubelet creates for pods, with either cgroup driver, relative to this host's own root.
_POD_CGROUP = re.compile(r"^/kubepods(\.slice)?/")
# Names of a pod's network namespace: by containerd, by CRI-O.
_CONTAINERD_NETNS = re.compile(r"^cni-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_CRIO_NETNS = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
NETNS = "/run/netns"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Finding:
    """One object that a former cluster left.

    `kind` is a name of the table in kinds.py, `subject` identifies the object, `command` shows it, `reason` says why it
    matters for the next cluster (or why it could not be removed), `owner` is the software that left it.
    """

    kind: str
    subject: str
    command: str
    reason: str
    owner: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    def left(self, why: str) -> Finding:
        """Return the same finding, with the reason why it could not be removed."""
        return replace(self, reason=why)


@dataclass(frozen=True)
class Kind:
    """One row of the table: the name of a kind, how it is found, and how it is removed (returns what is left)."""

    name: str
    find: Callable[[Scan], Iterable[Finding]]
    remove: Callable[[Scan, Sequence[Finding]], Iterable[Finding]]


@dataclass(frozen=True)
class Process:
    """The facts of a process. `own` is set in the host's process namespace, not in a container's; `age` in seconds."""

    pid: int
    words: tuple[str, ...]
    pod_cgroup: str
    own: bool
    network: str
    # Seconds since it started
    age: float

    @property
    def name(self) -> str:
        return os.path.basename(self.words[0]) if self.words else ""

    @property
    def of_pod(self) -> bool:
        return bool(self.pod_cgroup)

    def option(self, *names: str) -> str:
        """Return the value of `-name value`, `--name value` or `--name=value`, empty without one."""
        for at, word in enumerate(self.words):
            option, sign, value = word.partition("=")
            if option in names:
                return value if sign else "".join(self.words[at + 1 : at + 2])
        return ""


class Scan:
    """A scan of the host. Each part is read once, when it is first needed; a new scan sees later changes."""

    def __init__(self, machine: NodeContext, ca_hashes: Collection[str] = ()) -> None:
        self.machine = machine
        self.root: Root = machine.root
        self.ca_hashes = frozenset(ca_hashes)
        self._read: dict[object, Any] = {}
        self._paths: dict[str, tuple[str, Mount | None]] = {}

    def say(self, argv: Sequence[str], timeout: float = LOOK, stdin: str | None = None) -> Completed:
        """Run a command that may fail, be missing or hang."""
        return self.machine.run(argv, timeout=timeout, check=False, stdin=stdin)

    def json(self, argv: Sequence[str]) -> Any:
        """Return the JSON output of a command; None when it fails or prints no JSON."""
        answer = self.say(argv)
        try:
            return json.loads(answer.out) if answer.rc == 0 else None
        except ValueError:
            return None

    def once(self, read: Callable[[Scan], Result]) -> Result:
        """Return the result of a reader, which is called once in a scan."""
        if read not in self._read:
            self._read[read] = read(self)
        found: Result = self._read[read]
        return found

    def text(self, path: str) -> str:
        """Return the content of a file, empty when it cannot be read."""
        try:
            return read_text(self.root(path)) or ""
        except ClassroomError:
            return ""

    def names(self, path: str) -> list[str]:
        """Return the sorted entries of a directory; none if it is missing or on a file system that might hang."""
        if self.remote(path):
            return []
        try:
            return sorted(os.listdir(self.root(path)))
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        return not self.remote(path) and os.path.lexists(self.root(path))

    @cached_property
    def mounts(self) -> tuple[Mount, ...]:
        return mounts.table(self.root)

    def mounts_below(self, path: str) -> list[str]:
        return sorted({mount.path for mount in mounts.below(self.mounts, self._resolved(path)[0])})

    def is_mount(self, path: str) -> bool:
        real = self._resolved(path)[0]
        return any(mount.path == real for mount in self.mounts)

    def remote(self, path: str) -> bool:
        """Return whether a path is on a mount whose server may not respond, or on an automounter: access may hang."""
        return self._resolved(path)[1] is not None

    def _resolved(self, path: str) -> tuple[str, Mount | None]:
        """Return the path without links, as the kernel's table of mounts has it."""
        if path not in self._paths:
            self._paths[path] = mounts.resolve(self.root, self.mounts, path)
        return self._paths[path]

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        return tuple(read_processes(self.root))

    @cached_property
    def links(self) -> tuple[dict[str, Any], ...]:
        """The network interfaces with their addresses, as `ip -j -d addr` gives them."""
        found = self.json(["ip", "-j", "-d", "addr", "show"])
        return tuple(found) if isinstance(found, list) else ()

    @cached_property
    def link_names(self) -> frozenset[str]:
        return frozenset(str(link.get("ifname")) for link in self.links)

    @cached_property
    def pod_namespaces(self) -> dict[str, str]:
        """The network namespaces that a runtime created for pods, each with its runtime.

        A namespace with a process outside of pods is not one of them: podman uses the same form of names.
        """
        strangers = {process.network for process in self.processes if process.network and not process.of_pod}
        found = {}
        for name in self.names(NETNS):
            owner = _namespace_owner(name)
            if owner and self._inode(NETNS + "/" + name) not in strangers:
                found[name] = owner
        return found

    def _inode(self, path: str) -> str:
        try:
            return f"net:[{os.stat(self.root(path)).st_ino}]"
        except OSError:
            return ""


def _namespace_owner(name: str) -> str:
    if _CONTAINERD_NETNS.match(name):
        return CONTAINERD
    return CRIO if _CRIO_NETNS.match(name) else ""


def read_processes(root: Root) -> Iterator[Process]:
    """Yield every visible process; one that ends meanwhile is left out."""
    own, uptime = _link(root("/proc/self/ns/pid")), _uptime(root)
    try:
        pids = sorted(int(name) for name in os.listdir(root("/proc")) if name.isdigit())
    except OSError:
        return
    for pid in pids:
        base = root(f"/proc/{pid}")
        words = tuple(word for word in _read(base + "/cmdline").split("\0") if word)
        # Kernel threads and zombies have no command line.
        if words:
            yield Process(
                pid, words, pod_cgroup(_read(base + "/cgroup")), _link(base + "/ns/pid") == own,
                _link(base + "/ns/net"), max(0.0, uptime - _started(_read(base + "/stat"))))


def pod_cgroup(text: str) -> str:
    """Return the cgroup of a process from /proc/PID/cgroup if the kubelet created it for a pod, else empty."""
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        if _POD_CGROUP.match(path):
            return path
    return ""


def _uptime(root: Root) -> float:
    words = _read(root("/proc/uptime")).split()
    return float(words[0]) if words else 0.0


def _started(stat: str) -> float:
    """Return when a process started, in seconds since boot. The command's name in brackets may contain blanks."""
    words = stat.rpartition(")")[2].split()
    return int(words[19]) / os.sysconf("SC_CLK_TCK") if len(words) > 19 else 0.0


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
