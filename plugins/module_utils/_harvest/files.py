# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archive the files of students on a host.

`survey` determines what to archive, its size, and what is skipped and has to be reported; `pack` archives exactly that.
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
# Seconds after which the directory that a killed harvest left next to the current one is removed.
_STALE = 3600.0
_LARGEST = 3
# Messages of tar in the C locale about files that are in the archive or were removed by their owner meanwhile.
_HARMLESS = ("file changed as we read it", "File removed before we read it", "socket ignored",
             "Cannot stat: No such file or directory")
# Depth of the directories whose sizes are added up, the harvested directory included.
_LEVELS = 3


@dataclass(frozen=True)
class FilesSpec:
    """Directories to archive, patterns of paths to exclude, and the maximum size in bytes before compression."""

    directories: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    max_bytes: int = 200 * MEBIBYTE


@dataclass
class Survey:
    """The files to archive. `paths` are absolute, parents before their children; `left_out` are messages.

    `size` and `sizes` are in bytes. `missing` are those of `left_out` about files of this host that could not be read.
    """

    paths: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def unreadable(self, path: str, problem: OSError) -> None:
        """Record a path that could not be read."""
        self.left_out.append(f"{path} cannot be read: {problem.strerror}.")
        self.missing.append(self.left_out[-1])


def survey(root: Root, spec: FilesSpec) -> Survey:
    """Read the directories. Raise ClassroomError for a relative path and if the files are too large together."""
    _check(spec)
    # Mounts that another mount hides, such as an automounter's below a local disk, do not count.
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
                f"A directory to harvest is invalid: expected an absolute path, found '{directory}'. Correct the path.")


def outermost(directories: Sequence[str]) -> list[str]:
    """Return the directories that are not inside another one, each once, in the order given."""
    clean = list(dict.fromkeys(os.path.normpath(directory) for directory in directories))
    return [one for one in clean
            if not any(one != other and one.startswith(other.rstrip("/") + "/") for other in clean)]


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches: the whole path if it starts with a slash, else as many of its last parts.

    `*` matches any characters as in a shell; `.kube/cache` matches the directory `cache` in any `.kube`.
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
        # Not even read: the call would hang on a server that does not respond, and an automounter would mount a home.
        found.left_out.append(f"{directory} is on a file system of {_whose(above)} ({above.path}).")
    elif not os.path.isdir(root(directory)):
        found.left_out.append(f"There is no directory {directory}.")
    else:
        found.paths.append(directory)
        # The mount table has paths without links; harvested files keep the requested path.
        below = {directory.rstrip("/") + mount.path[len(real.rstrip("/")):]: _whose(mount)
                 for mount in mounts.below(table, real) if mount.remote}
        _walk(root, directory, spec, below, found)


def _whose(mount: mounts.Mount) -> str:
    return "an automounter" if mount.filesystem == "autofs" else "another host"


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
    """Add a path to the list; return True for a directory, which has to be read next."""
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
    """Return the directories above a file, and the file itself, down to the depth at which sizes are added up."""
    inner = os.path.relpath(path, top).split("/")
    return [top, *(os.path.join(top, *inner[:count]) for count in range(1, min(len(inner), _LEVELS) + 1))]


def _too_large(spec: FilesSpec, found: Survey) -> str:
    largest = sorted(found.sizes, key=lambda path: (-found.sizes[path], -len(path)))
    # A directory is not named if a single entry makes up most of its size: the entry is more informative.
    telling = [path for path in largest if not any(
        inner.startswith(path.rstrip("/") + "/") and found.sizes[inner] > 0.9 * found.sizes[path] for inner in largest)]
    listed = ", ".join(f"{path} with {megabytes(found.sizes[path])}" for path in telling[:_LARGEST])
    return "The harvest of this host is too large: expected at most {}, found {} in {}; the largest are {}. Exclude " \
           "files that are not needed (harvest_excludes), or raise the limit (harvest_max_mb).".format(
               megabytes(spec.max_bytes), megabytes(found.size), " and ".join(spec.directories), listed)


def megabytes(size: int) -> str:
    """Return a size in bytes as text in MiB."""
    return f"{size / MEBIBYTE:.1f} MiB"


def pack(root: Root, run: Runner, found: Survey, archive: str, timeout: float) -> None:
    """Write the archive, readable for its directory's owner only; add files that changed meanwhile to `left_out`.

    `timeout` is in seconds. Raise ClassroomError if the archive is not complete.
    """
    try:
        with private_file(archive) as written, tempfile.TemporaryFile() as listing:
            listing.write(b"".join(os.fsencode(path.lstrip("/")) + b"\0" for path in found.paths))
            listing.flush()
            # By descriptor and not by path: the directory belongs to the login user, who may exchange its content.
            # GNU tar and not Python's: it handles sparse files and files that shrink while they are read.
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
            "The archive of {} files was not written to {}: tar failed with exit status {}: {}. Correct the cause, for "
            "example free disk space there.".format(found.files, archive, completed.rc, "; ".join(said[-3:])))
    found.left_out.extend(line if line.endswith(".") else line + "." for line in said)
    found.missing.extend(line for line in said if not line.endswith(_HARMLESS))


def _by_descriptor(stream: IO[bytes]) -> str:
    """Return a path with which another process of root opens the same file (proc(5))."""
    return f"/proc/{os.getpid()}/fd/{stream.fileno()}"


@contextlib.contextmanager
def private_file(path: str) -> Iterator[IO[bytes]]:
    """Write a new file of mode 0600, which finally belongs to the owner of its directory, the login user.

    That user may exchange the directory and its content at any time, so no links are followed, and the file belongs to
    root until it is complete. An earlier file of that name is removed.
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
    """Remove siblings of `directory` with its prefix and owner older than an hour, and return their paths.

    Killed harvests leave them.
    """
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
