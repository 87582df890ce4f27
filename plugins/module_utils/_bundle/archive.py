# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle in one file: a tar, compressed with zstd, whose first members are the lock and its signature.

What is read is compared with the lock as it comes, so a damaged file is known by its name, and nothing is trusted
because of where it was found.
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

# The directory in the archive, for whoever unpacks it by hand
ROOT = "bundle"
HEAD = (bundle_lock.NAME, bundle_lock.SIGNATURE, PUBLIC_KEY)
# Size of all files in bytes, told at the begin of the tar, since the space for them is judged before they come
SIZE = "CLASSROOM.size"
CHECKSUM = ".sha256"
TOOLS: Mapping[str, str] = {"zstd": "zstd"}
# What the begin of an archive and the description of each of its members may take, uncompressed: they are read into
# memory before anything of them is verified, and a small archive can claim any size
_MOST_UNVERIFIED = bundle_lock.MOST_BYTES
# Most of a bundle is compressed already; the fastest takes two thirds off the rest
_LEVEL = "-1"


@dataclass(frozen=True)
class Head:
    """The begin of an archive: its lock, the signature and the key (name -> content), and the size of all files."""

    texts: Mapping[str, bytes]
    size: int

    @contextlib.contextmanager
    def directory(self) -> Iterator[str]:
        """A directory for the moment with these three files, for whoever reads a bundle's."""
        with tempfile.TemporaryDirectory(prefix="classroom-bundle-") as place:
            for name, content in self.texts.items():
                with open(os.path.join(place, name), "wb") as stream:
                    stream.write(content)
            yield place


def is_packed(bundle: str, archive: str) -> bool:
    """Whether the archive is of exactly this bundle, and as it was written."""
    recorded = _recorded(archive)
    if not recorded or not os.path.isfile(archive) or checksum_of(archive) != recorded:
        return False
    try:
        head = read_head(archive)
    except ClassroomError:
        return False
    return all(_content(os.path.join(bundle, name)) == content for name, content in head.texts.items())


def pack(bundle: str, archive: str) -> None:
    """Write the archive, and its checksum beside it; whole or not at all."""
    names = [*HEAD, *(name for name in bundle_lock.file_names(bundle) if name not in HEAD)]
    size = sum(os.path.getsize(os.path.join(bundle, name)) for name in names)
    partial = archive + ".partial"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    disk_space.require(archive, size, "the archive")
    try:
        _write(bundle, names, size, partial)
        checksum = checksum_of(partial)
        # A former one's must never stand beside this one
        with contextlib.suppress(FileNotFoundError):
            os.unlink(archive + CHECKSUM)
        os.rename(partial, archive)
        write_text(archive + CHECKSUM, f"{checksum}  {os.path.basename(archive)}\n")
    except OSError as problem:
        raise ClassroomError(f"Wanted a bundle packed into {archive}, found: {problem.strerror or problem}; nothing is "
                             "there under that name.") from problem
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def read_head(archive: str) -> Head:
    """The begin of an archive; the rest is not looked at."""
    with _Reader(archive) as reader:
        return reader.head()


def unpack(archive: str, directory: str | None, verified: Head) -> None:
    """Read all of the archive, compare every file with the lock in it, and write the files into `directory`, if given.

    `verified` is the begin of the archive whose signature was verified: an archive that begins otherwise by now is
    rejected. Raises ClassroomError that names every file which is damaged, missing or unexpected.
    """
    with _Reader(archive) as reader:
        head = reader.head()
        if head.texts != verified.texts:
            raise ClassroomError(
                f"The archive {archive} was exchanged while it was read: expected the lock whose signature was "
                "verified, "
                "found another one. Copy the archive to a disk of this host and run this again. Nothing was "
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
    """Store and compare every file behind the head; a sentence for each that is not as locked."""
    sums = {PUBLIC_KEY: hashlib.sha256(head.texts[PUBLIC_KEY]).hexdigest()}
    found = []
    room = head.size
    for name, mode, size, stream in reader.files():
        room -= size
        if directory is not None and head.size and room < 0:
            # The disk space that was checked before is for this many bytes
            found.append(f"{name}: more than the {head.size} bytes that {archive} says it has.")
            break
        if name not in wanted or name in sums:
            found.append(f"{name}: a file in {archive} that its lock does not know, or twice.")
            continue
        try:
            sums[name] = _store(directory, name, stream, 0o755 if mode & 0o100 else 0o644)
        except tarfile.TarError as problem:
            # The file was cut off in its middle
            reader.broken = f"{problem} (at {name})"
            break
    for name, checksum in sorted(wanted.items()):
        # What comes after the place where it is cut off is not missing, it was never seen
        if sums.get(name, checksum if reader.broken else "") != checksum:
            there = "sha256 " + sums[name] if name in sums else "no such file"
            found.append(f"{name}: wanted sha256 {checksum}, found {there} in {archive}; copy the archive again from "
                         "where it came.")
    return found


def _store(directory: str | None, name: str, stream: IO[bytes], mode: int) -> str:
    """The checksum of a file of the archive, which is written if there is a directory for it."""
    total = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        target = None
        if directory is not None:
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # The directory is new: what is there already is another process's, or a second file of this name
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
            # It has ended, and says why
            pass
        with contextlib.suppress(BrokenPipeError):
            incoming.close()
        words = complaints.read().decode("utf-8", "replace").strip()
        if compressor.wait() != 0:
            raise OSError(0, words or f"zstd ended with {compressor.returncode}")
        # A stick that is pulled out too early must not have half a file under a good name
        os.fsync(sink.fileno())


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """A stream that is there because it was asked for, which its type does not know."""
    return cast("IO[bytes]", stream)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's names and no odd modes: the same bundle packs into the same bytes."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    # Files of several names are files: links between bundles are nobody else's business
    member.type, member.linkname = tarfile.REGTYPE, ""
    return member


class _Limited:
    """A stream of which only as many bytes are read as were allowed."""

    def __init__(self, stream: IO[bytes], allowed: int) -> None:
        self._stream = stream
        self._allowed = allowed

    def allow(self, count: int) -> None:
        """Let this many more bytes be read, whatever was left of the former allowance."""
        # tarfile reads ahead, a piece at a time
        self._allowed = count + PIECE

    def read(self, count: int) -> bytes:
        if self._allowed <= 0:
            raise tarfile.ReadError("a description of a file that is larger than all descriptions of a bundle")
        content = self._stream.read(count)
        self._allowed -= len(content)
        return content


class _Reader:
    """An archive from begin to end, once; used in a `with`."""

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
        # One way of reading for checksum and content: sticks are slow
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
        """The first members, which have to be these."""
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
        """Name in the bundle, mode, size and content of each file, to be read before the next. Sets `broken`."""
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
        """A sentence for what is wrong with the file as a whole, once all members have been read."""
        with contextlib.suppress(OSError, ValueError):
            while self._unpacked.read(PIECE):
                pass
        self._feeder.join()
        words = self._words()
        found = []
        if self._process.wait() != 0 or self.broken:
            found.append(
                f"Wanted a whole bundle in {self._archive}, found it cut off or damaged in {self._seen}: "
                f"{words or self.broken}; copy it again from where it "
                "came.")
        recorded = _recorded(self._archive)
        if recorded and recorded != self._total.hexdigest():
            found.append(f"Wanted {self._archive} with sha256 {recorded} as the file beside it says, found "
                         f"{self._total.hexdigest()}; copy both again.")
        return found

    def _feed(self) -> None:
        packed = _pipe(self._process.stdin)
        with contextlib.suppress(BrokenPipeError, OSError, ValueError):
            for piece in iter(lambda: self._file.read(PIECE), b""):
                self._total.update(piece)
                # After an error zstd takes nothing more, but the checksum is of the whole file
                with contextlib.suppress(BrokenPipeError):
                    packed.write(piece)
        with contextlib.suppress(BrokenPipeError, OSError, ValueError):
            packed.close()

    def _words(self) -> str:
        with contextlib.suppress(ValueError):
            return _pipe(self._process.stderr).read().decode("utf-8", "replace").strip()
        return ""

    def _close(self) -> str:
        """End what still runs, and say what zstd said."""
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
            f"Wanted a packed bundle in {self._archive}, found {found}; name a file that bundle.yml has packed, or "
            "copy it again."
        )


def _recorded(archive: str) -> str:
    """The checksum in the file beside an archive, empty if there is none."""
    words = (read_text(archive + CHECKSUM) or "").split()
    return words[0].lower() if words else ""


def _content(path: str) -> Any:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None
