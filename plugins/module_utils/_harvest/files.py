# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What students have on a machine, as one archive: looked through first, so that nothing is left out unsaid.

`survey` decides what belongs into the archive, how large that is and what is passed over; `pack` archives exactly that.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import Root
from .._host import mounts

MEBIBYTE = 1024 * 1024
# What a harvest that was killed left beside this one's directory is taken away after so many seconds.
_STALE = 3600.0
_LARGEST = 3
# tar's messages, in the C locale, about files that are in the archive or were removed by their owner meanwhile
_HARMLESS = ("file changed as we read it", "File removed before we read it", "socket ignored",
             "Cannot stat: No such file or directory")
# Of a harvested directory and of what is in it, the sizes are added up so many levels deep.
_LEVELS = 3


@dataclass(frozen=True)
class FilesSpec:
    """Directories to be taken, patterns of what is not, and the most that it may be, in bytes before compression."""

    directories: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    max_bytes: int = 200 * MEBIBYTE


@dataclass
class Survey:
    """What there is. `paths` are absolute, parents before their children; `left_out` are messages.

    `missing` are those of `left_out` about files that are wanted, belong to this host and could not be read.
    """

    paths: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def unreadable(self, path: str, problem: OSError) -> None:
        self.left_out.append(f"{path} cannot be read: {problem.strerror}.")
        self.missing.append(self.left_out[-1])


def survey(root: Root, spec: FilesSpec) -> Survey:
    """Look through the directories. Raises ClassroomError for a wish that is none and for too much."""
    _check(spec)
    # What another mount on the same place hides, as an automounter's below a local disk, is no matter.
    table = mounts.visible(mounts.table(root))
    found = Survey()
    for directory in outermost(spec.directories):
        _look_into(root, directory, spec, table, found)
    if found.size > spec.max_bytes:
        raise ClassroomError(_too_large(spec, found))
    return found


def _check(spec: FilesSpec) -> None:
    for directory in spec.directories:
        if not os.path.isabs(directory):
            raise ClassroomError(
                f"Wanted an absolute path of a directory to harvest, found '{directory}'. Write it from the root on.")


def outermost(directories: Sequence[str]) -> list[str]:
    """The directories without those that lie in another one, each once, in the order given."""
    clean = list(dict.fromkeys(os.path.normpath(directory) for directory in directories))
    return [one for one in clean
            if not any(one != other and one.startswith(other.rstrip("/") + "/") for other in clean)]


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits: the whole path if it begins with a slash, otherwise as many of its last parts.

    As in a shell, `*` stands for anything; `.kube/cache` is the directory `cache` in any `.kube`.
    """
    parts = path.strip("/").split("/")
    for pattern in patterns:
        if pattern.startswith("/"):
            wanted, there = pattern.strip("/").split("/"), parts
        else:
            wanted = pattern.strip("/").split("/")
            there = parts[-len(wanted):]
        if len(wanted) == len(there) and all(map(fnmatch.fnmatchcase, there, wanted)):
            return True
    return False


def _look_into(root: Root, directory: str, spec: FilesSpec, table: Sequence[mounts.Mount], found: Survey) -> None:
    real, above = mounts.resolve(root, table, directory)
    if above is not None:
        # Not even looked at: a server that does not respond lets this hang, and an automounter would mount a home.
        found.left_out.append(f"{directory} is on a file system of {_whose(above)} ({above.path}).")
    elif not os.path.isdir(root(directory)):
        found.left_out.append(f"There is no directory {directory}.")
    else:
        found.paths.append(directory)
        # The kernel's table has paths without links; what is harvested keeps the name that was asked for.
        below = {directory.rstrip("/") + mount.path[len(real.rstrip("/")):]: _whose(mount)
                 for mount in mounts.below(table, real) if mount.remote}
        _walk(root, directory, spec, below, found)


def _whose(mount: mounts.Mount) -> str:
    return "an automounter" if mount.filesystem == "autofs" else "another machine"


def _walk(root: Root, top: str, spec: FilesSpec, remote: Mapping[str, str], found: Survey) -> None:
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        try:
            names = sorted(os.listdir(root(directory)))
        except OSError as problem:
            found.unreadable(directory, problem)
            continue
        for name in names:
            path = os.path.join(directory, name)
            if is_excluded(path, spec.excludes):
                continue
            if path in remote:
                found.left_out.append(f"{path} is a file system of {remote[path]}.")
            elif _take(root, top, path, found):
                waiting.append(path)


def _take(root: Root, top: str, path: str, found: Survey) -> bool:
    """Put one path on the list; true for a directory, which has to be looked into."""
    try:
        status = os.lstat(root(path))
    except OSError as problem:
        found.unreadable(path, problem)
        return False
    if stat.S_ISDIR(status.st_mode):
        found.paths.append(path)
        return True
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        found.left_out.append(f"{path} is a socket, a pipe or a device.")
        return False
    found.paths.append(path)
    found.files += 1
    if stat.S_ISREG(status.st_mode):
        found.size += status.st_size
        for place in _places(top, path):
            found.sizes[place] = found.sizes.get(place, 0) + status.st_size
    return False


def _places(top: str, path: str) -> list[str]:
    """The harvested directory and the ones on the way to a file, or the file itself, as far as sizes are told."""
    inner = os.path.relpath(path, top).split("/")
    return [top, *(os.path.join(top, *inner[:count]) for count in range(1, min(len(inner), _LEVELS) + 1))]


def _too_large(spec: FilesSpec, found: Survey) -> str:
    largest = sorted(found.sizes, key=lambda path: (-found.sizes[path], -len(path)))
    # Of a directory and the one thing in it that makes it large, the inner one says more.
    telling = [path for path in largest if not any(
        inner.startswith(path.rstrip("/") + "/") and found.sizes[inner] > 0.9 * found.sizes[path] for inner in largest)]
    listed = ", ".join(f"{path} with {megabytes(found.sizes[path])}" for path in telling[:_LARGEST])
    return "Wanted to harvest at most {} of this machine, found {} in {}; the largest are {}. Exclude what is no " \
           "work (harvest_excludes), or raise the bound (harvest_max_mb).".format(
               megabytes(spec.max_bytes), megabytes(found.size), " and ".join(spec.directories), listed)


def megabytes(size: int) -> str:
    return f"{size / MEBIBYTE:.1f} MiB"


def pack(root: Root, run: Runner, found: Survey, archive: str, timeout: float) -> None:
    """Write the archive, for its directory's owner alone. What changed or vanished meanwhile is added to `left_out`.

    Raises ClassroomError when it does not get written completely.
    """
    try:
        with private_file(archive) as written, tempfile.TemporaryFile() as listing:
            listing.write(b"".join(os.fsencode(path.lstrip("/")) + b"\0" for path in found.paths))
            listing.flush()
            # Not by their paths: the archive's directory belongs to the login user, who may exchange what is in it.
            # GNU tar, not Python's: it copes with files that shrink while they are read, and with holes.
            completed = run(
                ["tar", "--create", "--gzip", "--format", "posix", "--sparse", "--ignore-failed-read",
                 "--file", _by_descriptor(written), "--directory", root("/"), "--no-recursion", "--null",
                 "--verbatim-files-from", "--files-from", _by_descriptor(listing)],
                timeout=timeout, check=False)
    except OSError as problem:
        raise ClassroomError(f"{archive} cannot be written: {problem.strerror}.") from problem
    said = [line for line in completed.err.splitlines() if line.strip()]
    if completed.rc not in (0, 1):
        raise ClassroomError(
            "Wanted an archive of {} files in {}, found that tar ends with {}: {}. Make room there if that is what "
            "it says.".format(found.files, archive, completed.rc, "; ".join(said[-3:])))
    found.left_out.extend(line if line.endswith(".") else line + "." for line in said)
    found.missing.extend(line for line in said if not line.endswith(_HARMLESS))


def _by_descriptor(stream: IO[bytes]) -> str:
    """A path by which another process of root opens the very file that is open here (proc(5))."""
    return f"/proc/{os.getpid()}/fd/{stream.fileno()}"


@contextlib.contextmanager
def private_file(path: str) -> Iterator[IO[bytes]]:
    """Write a new file, 0600; afterwards it belongs to the owner of its directory, the login user, who has to fetch it.

    That user may exchange the directory and what is in it at any time, so neither is followed if it is a link, and the
    file belongs to root until it is complete. An earlier file of that name is removed.
    """
    directory, name = os.path.split(path)
    above = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=above)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=above), "w+b") as stream:
            yield stream
            stream.flush()
            owner = os.fstat(above)
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
    finally:
        os.close(above)


def sweep(directory: str, now: float = 0.0) -> list[str]:
    """Remove what killed harvests left: siblings of `directory`, of its prefix and owner, older than an hour."""
    parent, name = os.path.split(directory)
    prefix = name.partition(".")[0] + "."
    owner = os.stat(directory).st_uid
    gone = []
    for entry in os.scandir(parent):
        if entry.name == name or not entry.name.startswith(prefix) or not entry.is_dir(follow_symlinks=False):
            continue
        status = entry.stat(follow_symlinks=False)
        if status.st_uid == owner and (now or time.time()) - status.st_mtime > _STALE:
            shutil.rmtree(entry.path, ignore_errors=True)
            gone.append(entry.path)
    return gone
