# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write a bundle in one file: a tar, compressed with zstd, whose first members are the lock and its signature.

The content is compared with the lock while it is read, so that damaged files are named, and no file is trusted because
of its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from .._core import disk_space
from .._core.errors import ClassroomError
from .._core.files import PIECE, checksum_of, read_text, write_text
from . import lock as bundle_lock
from .repository import PUBLIC_KEY

# The directory in the archive, for unpacking it manually
ROOT = "bundle"
HEAD = (bundle_lock.NAME, bundle_lock.SIGNATURE, PUBLIC_KEY)
# Header with the size of all files in bytes at the begin of the tar, since the disk space is checked before they come
SIZE = "CLASSROOM.size"
CHECKSUM = ".sha256"
TOOLS: Mapping[str, str] = {"zstd": "zstd"}
# Largest uncompressed size in bytes of the begin of an archive, and of the description of each member: they are read
# into memory before they are verified, and a small archive can claim any size
_MOST_UNVERIFIED = bundle_lock.MOST_BYTES
# Most of a bundle is compressed already; the fastest level reduces the rest by two thirds
_LEVEL = "-1"


@dataclass(frozen=True)
class Head:
    """The begin of an archive: its lock, the signature and the key (name -> content), and the size of all files."""

    texts: Mapping[str, bytes]
    size: int

    @contextlib.contextmanager
    def directory(self) -> Iterator[str]:
        """Yield a temporary directory with these three files, for code that reads them from a bundle."""
        with tempfile.TemporaryDirectory(prefix="classroom-bundle-") as place:
            for name, content in self.texts.items():
                with open(os.path.join(place, name), "wb") as stream:
                    stream.write(content)
            yield place


def is_packed(bundle: str, archive: str) -> bool:
    """Return whether the archive has exactly this bundle and was not changed since it was written."""
    recorded = _recorded(archive)
    if not recorded or not os.path.isfile(archive) or checksum_of(archive) != recorded:
        return False
    try:
        head = read_head(archive)
    except ClassroomError:
        return False
    return all(_content(os.path.join(bundle, name)) == content for name, content in head.texts.items())


def pack(bundle: str, archive: str) -> None:
    """Write the archive, completely or not at all, and its checksum next to it; raise ClassroomError."""
    names = [*HEAD, *(name for name in bundle_lock.file_names(bundle) if name not in HEAD)]
    size = sum(os.path.getsize(os.path.join(bundle, name)) for name in names)
    partial = archive + ".partial"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    disk_space.require(archive, size, "the archive")
    try:
        _write(bundle, names, size, partial)
        checksum = checksum_of(partial)
        # The checksum of a former archive must never be next to this one
        with contextlib.suppress(FileNotFoundError):
            os.unlink(archive + CHECKSUM)
        os.rename(partial, archive)
        write_text(archive + CHECKSUM, f"{checksum}  {os.path.basename(archive)}\n")
    except OSError as problem:
        raise ClassroomError(
            f"The bundle cannot be packed: expected to write {archive}, found: {problem.strerror or problem}. Correct "
            "that and run this again. There is no file with that name.") from problem
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def read_head(archive: str) -> Head:
    """Read only the begin of an archive; raise ClassroomError if it is not that of a bundle."""
    with _Reader(archive) as reader:
        return reader.head()


def unpack(archive: str, directory: str | None, verified: Head) -> None:
    """Read the whole archive, compare every file with its lock, and write the files into `directory`, if given.

    `verified` is the begin of the archive whose signature was verified: an archive with another one is rejected.
    Raises ClassroomError that names every file which is damaged, missing or unexpected.
    """
    with _Reader(archive) as reader:
        head = reader.head()
        if head.texts != verified.texts:
            raise ClassroomError(
                f"The archive {archive} was exchanged while it was read: expected the lock whose signature was "
                "verified, found another one. Copy the archive to a disk of this host and run this again. Nothing was "
                "unpacked.")
        if directory is not None:
            disk_space.require(directory, head.size, f"the bundle in {archive}")
            for name, content in head.texts.items():
                _store(directory, name, io.BytesIO(content), 0o644)
        with head.directory() as place:
            wanted = bundle_lock.read(place).files
        found = _problems(archive, reader, head, wanted, directory)
        found += reader.finish()
    if found:
        raise ClassroomError("\n".join(found))


def _problems(
    archive: str, reader: _Reader, head: Head, wanted: Mapping[str, str], directory: str | None
) -> list[str]:
    """Store and compare every file after the head; return a message for each that differs from the lock."""
    sums = {PUBLIC_KEY: hashlib.sha256(head.texts[PUBLIC_KEY]).hexdigest()}
    found = []
    room = head.size
    for name, mode, size, stream in reader.files():
        room -= size
        if directory is not None and head.size and room < 0:
            # The disk space was checked for this many bytes
            found.append(f"{name}: expected at most {head.size} bytes, as {archive} says, found more than the "
                         f"{head.size} bytes. Copy the archive again from its source.")
            break
        if name not in wanted or name in sums:
            found.append(f"{name}: expected each file of the lock once, found one in {archive} that its lock does not "
                         "know, or a second one. Copy the archive again from its source.")
            continue
        try:
            sums[name] = _store(directory, name, stream, 0o755 if mode & 0o100 else 0o644)
        except tarfile.TarError as problem:
            # The file is truncated
            reader.broken = f"{problem} (at {name})"
            break
    for name, checksum in sorted(wanted.items()):
        # Files after the end of a truncated archive were not read, so they do not count as missing
        if sums.get(name, checksum if reader.broken else "") != checksum:
            there = "sha256 " + sums[name] if name in sums else "no such file"
            found.append(f"{name}: expected sha256 {checksum}, found {there} in {archive}. Copy the archive again from "
                         "its source.")
    return found


def _store(directory: str | None, name: str, stream: IO[bytes], mode: int) -> str:
    """Return the checksum of a file of the archive, and write the file if a directory is given."""
    total = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        target = None
        if directory is not None:
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # The directory is new: an existing file belongs to another process, or is a second one of this name
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            target = stack.enter_context(os.fdopen(os.open(path, flags, 0o600), "wb"))
        for piece in iter(lambda: stream.read(PIECE), b""):
            total.update(piece)
            if target is not None:
                target.write(piece)
        if target is not None:
            os.fchmod(target.fileno(), mode)
    return total.hexdigest()


def _write(bundle: str, names: list[str], size: int, target: str) -> None:
    with open(target, "wb") as sink:
        compressor = subprocess.Popen(
            ["zstd", _LEVEL, "-T0", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE)
        incoming, complaints = _pipe(compressor.stdin), _pipe(compressor.stderr)
        try:
            with tarfile.open(
                fileobj=incoming, mode="w|", bufsize=PIECE, format=tarfile.PAX_FORMAT,
                pax_headers={SIZE: str(size)},
            ) as tar:
                for name in names:
                    tar.add(os.path.join(bundle, name), f"{ROOT}/{name}", recursive=False, filter=_plain)
        except BrokenPipeError:
            # zstd has ended; its message is read below
            pass
        with contextlib.suppress(BrokenPipeError):
            incoming.close()
        words = complaints.read().decode("utf-8", "replace").strip()
        if compressor.wait() != 0:
            raise OSError(0, words or f"zstd ended with {compressor.returncode}")
        # A USB drive that is removed too early must not have an incomplete file under the final name
        os.fsync(sink.fileno())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream that exists because it was requested; its type says that it may be None."""
    return cast("IO[bytes]", stream)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove owners and unusual modes from a member, so that equal bundles result in equal archives."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    # Hard links become files: links between bundles are a local optimization
    member.type, member.linkname = tarfile.REGTYPE, ""
    return member


class _Limited:
    """A stream from which only a limited number of bytes can be read."""

    def __init__(self, stream: IO[bytes], allowed: int) -> None:
        self._stream = stream
        self._allowed = allowed

    def allow(self, count: int) -> None:
        """Set the number of bytes that may be read from now on."""
        # tarfile reads ahead by up to one piece
        self._allowed = count + PIECE

    def read(self, count: int) -> bytes:
        if self._allowed <= 0:
            raise tarfile.ReadError("a description of a file that is larger than all descriptions of a bundle")
        content = self._stream.read(count)
        self._allowed -= len(content)
        return content


class _Reader:
    """A reader of an archive, once from begin to end; a context manager."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._seen = ""
        self._total = hashlib.sha256()
        self._whole = False
        self.broken = ""

    def __enter__(self) -> _Reader:
        try:
            self._file = open(self._archive, "rb")
        except OSError as problem:
            raise self._no_archive(str(problem.strerror)) from problem
        self._process = subprocess.Popen(
            ["zstd", "--decompress", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self._unpacked = _pipe(self._process.stdout)
        # Checksum and content are read in one pass, because USB drives are slow
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()
        try:
            self._limited = _Limited(self._unpacked, _MOST_UNVERIFIED)
            self._tar = tarfile.open(fileobj=cast("IO[bytes]", self._limited), mode="r|", bufsize=PIECE)
        except (tarfile.TarError, EOFError) as problem:
            words = self._close()
            raise self._no_archive(words or str(problem)) from problem
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def head(self) -> Head:
        """Read the first members; raise ClassroomError unless they are those of a bundle."""
        texts: dict[str, bytes] = {}
        members = self.files()
        for wanted in HEAD:
            name, _mode, length, stream = next(members, ("", 0, 0, io.BytesIO()))
            if name != wanted:
                raise self._no_archive(self.broken or "{} where {} should be".format(name or "its end", wanted))
            if length > bundle_lock.MOST_BYTES:
                raise self._no_archive(f"{name} of {length} bytes, at most {bundle_lock.MOST_BYTES} are read")
            texts[name] = stream.read()
        size = self._tar.pax_headers.get(SIZE, "")
        return Head(texts, int(size) if size.isdigit() else 0)

    def files(self) -> Iterator[tuple[str, int, int, IO[bytes]]]:
        """Yield name in the bundle, mode, size and content of each file, to be read before the next. Sets `broken`."""
        try:
            while True:
                member = self._tar.next()
                if member is None:
                    return
                name = member.name.partition("/")[2]
                if member.isdir():
                    continue
                inside = member.name.startswith(ROOT + "/") and bundle_lock.stays_inside(name)
                if not inside or not member.isreg() or member.issparse():
                    raise self._no_archive(f"the member {member.name!r}, which no bundle has")
                self._seen = name
                self._limited.allow(member.size + _MOST_UNVERIFIED)
                yield name, member.mode, member.size, _pipe(self._tar.extractfile(member))
        except (tarfile.TarError, EOFError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno is not None:
                raise
            self.broken = "{} (at {})".format(problem, self._seen or "its begin")

    def finish(self) -> list[str]:
        """Return messages about the archive as a whole, after all members have been read."""
        with contextlib.suppress(OSError, ValueError):
            while self._unpacked.read(PIECE):
                pass
        self._feeder.join()
        words = self._words()
        found = []
        if self._process.wait() != 0 or self.broken:
            found.append(
                f"The archive {self._archive} is damaged: expected a whole bundle, found it cut off or damaged in "
                f"{self._seen}: {words or self.broken}. Copy it again from its source.")
        recorded = _recorded(self._archive)
        if recorded and recorded != self._total.hexdigest():
            found.append(f"The archive {self._archive} is damaged: expected sha256 {recorded} as "
                         f"{self._archive}{CHECKSUM} says, found {self._total.hexdigest()}. Copy both files again.")
        return found

    def _feed(self) -> None:
        packed = _pipe(self._process.stdin)
        with contextlib.suppress(BrokenPipeError, OSError, ValueError):
            for piece in iter(lambda: self._file.read(PIECE), b""):
                self._total.update(piece)
                # After an error zstd reads no more, but the checksum needs the whole file
                with contextlib.suppress(BrokenPipeError):
                    packed.write(piece)
        with contextlib.suppress(BrokenPipeError, OSError, ValueError):
            packed.close()

    def _words(self) -> str:
        with contextlib.suppress(ValueError):
            return _pipe(self._process.stderr).read().decode("utf-8", "replace").strip()
        return ""

    def _close(self) -> str:
        """End the process and the thread, and return the message of zstd."""
        words = ""
        if self._process.poll() is None:
            self._process.terminate()
        self._file.close()
        with contextlib.suppress(OSError, ValueError):
            words = self._words()
        self._process.wait()
        self._feeder.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return words

    def _no_archive(self, found: str) -> ClassroomError:
        return ClassroomError(
            f"The archive {self._archive} is invalid: expected a packed bundle, found {found}. Name a file that "
            "bundle.yml has packed, or copy it again from its source.")


def _recorded(archive: str) -> str:
    """Return the checksum in the file next to an archive, empty if there is none."""
    words = (read_text(archive + CHECKSUM) or "").split()
    return words[0].lower() if words else ""


def _content(path: str) -> Any:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None
