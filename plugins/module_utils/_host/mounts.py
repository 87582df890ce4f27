# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is mounted below a directory, and taking it away without ever touching what is behind it.

A mount whose server is gone lets everybody hang who looks at it: what is known comes from the kernel's own table, and
whoever unmounts is a process that is not waited for when it does not end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Callable, Protocol

from .._core.files import Root, read_text

TABLE = "/proc/self/mountinfo"
# File systems of a server that may not respond; a look into `autofs` mounts one.
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "glusterfs", "lustre", "beegfs", "gpfs",
           "autofs")
# As the kernel counts, see path_resolution(7)
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
class Lazily:
    """A mount that had to be taken out of sight while somebody held it; `holders` as far as they can be told."""

    mount: Mount
    holders: tuple[str, ...]

    @property
    def sentence(self) -> str:
        who = "; {} holds it".format(" and ".join(self.holders)) if self.holders else ""
        return f"{self.mount.path} ({self.mount.filesystem} from {self.mount.source}) was busy or did not " \
               f"answer{who}. It was detached, and is gone for good once nobody " \
               "uses it any more."


class Child(Protocol):
    """A process that was started; `poll` is None while it runs."""

    def poll(self) -> int | None: ...


Start = Callable[[Sequence[str]], Child]


def start(argv: Sequence[str]) -> Child:
    """Start a command that holds nothing of this process, so that this one can end while that one hangs."""
    return subprocess.Popen(
        list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=dict(os.environ, LC_ALL="C.UTF-8",
                                         PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"))


def table(root: Root) -> tuple[Mount, ...]:
    """All mounts in the order in which they were made."""
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
    """Blanks and their like are octal numbers behind a backslash there."""
    for code in ("040", "011", "012", "134"):
        word = word.replace("\\" + code, chr(int(code, 8)))
    return word


def below(mounts: Iterable[Mount], directory: str) -> tuple[Mount, ...]:
    """The mounts below a directory, not one on the directory itself; the last one first, as they can be taken away."""
    return tuple(reversed([mount for mount in mounts if mount.path.startswith(directory.rstrip("/") + "/")]))


def carrier(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount on which a path lies."""
    carrying = [mount for mount in mounts if (path + "/").startswith(mount.path.rstrip("/") + "/")]
    longest = max((len(mount.path) for mount in carrying), default=0)
    # Of two on the same place the later one hides the other
    return next((mount for mount in reversed(carrying) if len(mount.path) == longest), None)


def visible(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """The mounts without those that another one on the same place hides."""
    return tuple(mount for at, mount in enumerate(mounts)
                 if all(later.path != mount.path for later in mounts[at + 1 :]))


def resolve(root: Root, mounts: Iterable[Mount], path: str) -> tuple[str, Mount | None]:
    """The path without links, and the remote mount on which it lies, if any.

    Each part is compared with the table before the kernel is asked for it: neither a server that does not respond nor
    an automounter is. What lies on a remote mount is returned as far as it is known.
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
            # No link, or not there
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
    """What an absolute link means on the host whose "/" is elsewhere, as in a unit test."""
    return target[len(root.path):] if root.path and (target + "/").startswith(root.path + "/") else target


def unmount_below(
    root: Root, directory: str, begin: Start = start, clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[tuple[Lazily, ...], tuple[Mount, ...]]:
    """Take away every mount below `directory`, the ordinary way first, then lazily.

    Links on the way to the directory are resolved first, as the kernel's table has none.
    Returns those that had to be detached lazily, and those that are still there. Takes a few seconds at most for each
    mount that does not answer, no time for the others.
    """

    directory = resolve(root, table(root), directory)[0]

    def there() -> tuple[Mount, ...]:
        return below(table(root), directory)

    def attempt(mounts: Sequence[Mount], *options: str) -> None:
        # Neither a helper of the file system nor a look at the path: both may hang.
        child = begin(["umount", "--internal-only", "--no-canonicalize", *options, "--", *(one.path for one in mounts)])
        end, wanted = clock() + _TIMEOUT, {one.path for one in mounts}
        while child.poll() is None and clock() < end:
            if not wanted & {one.path for one in there()}:
                return
            sleep(_POLL_INTERVAL)

    local = [mount for mount in there() if not mount.remote]
    if local:
        attempt(local)
    for mount in [mount for mount in there() if mount.remote]:
        attempt([mount])
    lazily = []
    for mount in there():
        lazily.append(Lazily(mount, holders(root, mount.path)))
        attempt([mount], "--lazy")
    left = there()
    return tuple(one for one in lazily if one.mount not in left), left


def holders(root: Root, path: str) -> tuple[str, ...]:
    """Processes with a working directory, root or open file at or below `path`: `name (pid)`, the first few.

    The names behind the links of /proc are the kernel's own and need no look at the file system.
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
