# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the mounts below a directory and unmount them, without touching what is mounted.

Every access to a mount whose server is gone may hang. Therefore all information comes from the kernel's table, and
unmounting is done by a child process that is left behind if it does not end in time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Callable, Protocol

from .._core.deadline import Deadline
from .._core.files import Root, read_text

TABLE = "/proc/self/mountinfo"
# File systems of a server that may not respond; a look into `autofs` mounts one.
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "glusterfs", "lustre", "beegfs", "gpfs",
           "autofs")
# The kernel's limit of links in a path, see path_resolution(7)
_MOST_LINKS = 40
_TIMEOUT = 5.0
_POLL_INTERVAL = 0.02
_HOLDERS = 3


@dataclass(frozen=True)
class Mount:
    """One line of the kernel's table."""

    path: str
    filesystem: str
    source: str
    read_only: bool

    @property
    def remote(self) -> bool:
        return self.filesystem in _REMOTE or self.filesystem.startswith("fuse")


@dataclass(frozen=True)
class LazyUnmount:
    """A mount that was detached while in use; `holders` are the processes that use it, as far as they are known."""

    mount: Mount
    holders: tuple[str, ...]

    @property
    def message(self) -> str:
        who = "; {} holds it".format(" and ".join(self.holders)) if self.holders else ""
        return (f"{self.mount.path} ({self.mount.filesystem} from {self.mount.source}) was busy or did not respond"
                f"{who}. It was detached, and is unmounted completely once no process uses it any more.")


class Child(Protocol):
    """A started process; `poll` returns None while it runs."""

    def poll(self) -> int | None: ...


Start = Callable[[Sequence[str]], Child]


def start(argv: Sequence[str]) -> Child:
    """Start a command that is independent of this process, which can end while the command hangs."""
    return subprocess.Popen(
        list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=dict(os.environ, LC_ALL="C.UTF-8",
                                         PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"))


def table(root: Root) -> tuple[Mount, ...]:
    """Return all mounts in the order in which they were mounted, from proc_pid_mountinfo(5)."""
    found = (_parsed(line) for line in (read_text(root(TABLE)) or "").splitlines())
    return tuple(mount for mount in found if mount is not None)


def _parsed(line: str) -> Mount | None:
    left, dash, right = line.partition(" - ")
    words, rest = left.split(), right.split()
    if not dash or len(words) < 6 or len(rest) < 2:
        return None
    options = set(words[5].split(",")) | set(rest[2].split(",") if len(rest) > 2 else ())
    return Mount(_unescaped(words[4]), rest[0], _unescaped(rest[1]), "ro" in options)


def _unescaped(word: str) -> str:
    """Return a word without the table's escapes: blanks, tabs, newlines and backslashes are octal numbers there."""
    for code in ("040", "011", "012", "134"):
        word = word.replace("\\" + code, chr(int(code, 8)))
    return word


def below(mounts: Iterable[Mount], directory: str) -> tuple[Mount, ...]:
    """Return the mounts below a directory, but not on the directory itself, in the order to unmount them."""
    return tuple(reversed([mount for mount in mounts if mount.path.startswith(directory.rstrip("/") + "/")]))


def carrier(mounts: Iterable[Mount], path: str) -> Mount | None:
    """Return the mount on which a path lies."""
    carrying = [mount for mount in mounts if (path + "/").startswith(mount.path.rstrip("/") + "/")]
    longest = max((len(mount.path) for mount in carrying), default=0)
    # Of two mounts on the same path the later one hides the other
    return next((mount for mount in reversed(carrying) if len(mount.path) == longest), None)


def visible(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Return the mounts that no later mount on the same path hides."""
    return tuple(mount for at, mount in enumerate(mounts)
                 if all(later.path != mount.path for later in mounts[at + 1 :]))


def resolve(root: Root, mounts: Iterable[Mount], path: str) -> tuple[str, Mount | None]:
    """Return the path without links, and the remote mount on which it lies, if any.

    Each part is compared with the table before the file system is accessed, so neither an unreachable server nor an
    automounter is accessed. A path on a remote mount is returned as far as it is known.
    """
    table, followed = tuple(mounts), 0
    waiting, found = _parts(path), ""
    while waiting:
        name = waiting.pop(0)
        if name == "..":
            found = os.path.dirname(found).rstrip("/")
            continue
        found = f"{found}/{name}"
        mount = carrier(table, found)
        if mount is not None and mount.remote and mount.path != "/":
            return "/".join((found, *waiting)), mount
        try:
            target = os.readlink(root(found))
        except OSError:
            # Not a link, or missing
            continue
        followed += 1
        if followed > _MOST_LINKS:
            break
        if target.startswith("/"):
            found, target = "", _inside(root, target)
        else:
            found = os.path.dirname(found).rstrip("/")
        waiting = _parts(target) + waiting
    return found or "/", None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _inside(root: Root, target: str) -> str:
    """Return the target of an absolute link relative to the root, which is not "/" in a unit test."""
    return target[len(root.path):] if root.path and (target + "/").startswith(root.path + "/") else target


def unmount_below(
    root: Root, directory: str, begin: Start = start, clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[tuple[LazyUnmount, ...], tuple[Mount, ...]]:
    """Unmount everything below `directory`, lazily where the ordinary way fails.

    Links in the path are resolved first, because the kernel's table has none.
    Returns the mounts that were detached lazily and those that remain. Takes up to 10 seconds for each mount that does
    not respond, and no noticeable time for the others.
    """

    directory = resolve(root, table(root), directory)[0]

    def there() -> tuple[Mount, ...]:
        return below(table(root), directory)

    def attempt(mounts: Sequence[Mount], *options: str) -> None:
        # Without a helper of the file system and without access to the path: both may hang.
        child = begin(["umount", "--internal-only", "--no-canonicalize", *options, "--", *(one.path for one in mounts)])
        targets = {mount.path for mount in mounts}
        Deadline(_TIMEOUT, _POLL_INTERVAL, clock, sleep).wait(
            lambda: child.poll() is not None or not targets & {mount.path for mount in there()})

    local = [mount for mount in there() if not mount.remote]
    if local:
        attempt(local)
    for mount in [mount for mount in there() if mount.remote]:
        attempt([mount])
    lazily = []
    for mount in there():
        lazily.append(LazyUnmount(mount, holders(root, mount.path)))
        attempt([mount], "--lazy")
    left = there()
    return tuple(one for one in lazily if one.mount not in left), left


def holders(root: Root, path: str) -> tuple[str, ...]:
    """Return the first processes with a working directory, root or open file at or below `path`, as `name (pid)`.

    The links in /proc come from the kernel, so reading them does not access the file system.
    """
    found = []
    for pid in _processes(root):
        if any(link == path or link.startswith(path + "/") for link in _links(root("/proc/" + pid))):
            name = _quietly_read(root(f"/proc/{pid}/comm")).strip() or "a process"
            found.append(f"{name} ({pid})")
        if len(found) == _HOLDERS:
            break
    return tuple(found)


def _quietly_read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _processes(root: Root) -> list[str]:
    try:
        return sorted((name for name in os.listdir(root("/proc")) if name.isdigit()), key=int)
    except OSError:
        return []


def _links(process: str) -> list[str]:
    names = ["cwd", "root"]
    with contextlib.suppress(OSError):
        names += ["fd/" + name for name in os.listdir(process + "/fd")]
    links = []
    for name in names:
        with contextlib.suppress(OSError):
            links.append(os.readlink(os.path.join(process, name)))
    return links
