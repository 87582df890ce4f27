# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The package manager backend for dnf and rpm.

For dnf 4 (RHEL and its rebuilds up to 10) and dnf 5 (Fedora), which get the same command lines: excludes are disabled
by `--setopt=disable_excludes`, which both have, and not by dnf 4's `--disableexcludes`. Messages of both are known. The
history of dnf 5 has another format and is not read: after an interruption only the desired packages are checked.
"""

from __future__ import annotations

import configparser
import contextlib
import fnmatch
import glob
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from .._core.command import CommandFailed, Completed, Runner
from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._core.files import HEADER, Root, read_text
from .._formats import openpgp
from .plan import Installed, PackagesSpec, Purged, Removable, Repository, not_simulated

REPOSITORIES = "/etc/yum.repos.d"
KEYS = "/etc/pki/rpm-gpg"
HISTORY = "/var/lib/dnf/history.sqlite"
# The id of the process that currently changes packages, written by dnf
_AT_WORK = "/var/lib/dnf/rpmdb_lock.pid"
# dnf 5 has another directory, with directories of the same form
_CACHES = ("/var/cache/dnf", "/var/cache/libdnf5")
_STORED = (*_CACHES, "/var/lib/dnf/repos")
# The value of disable_excludes for all excludes: dnf 4 knows the word only, dnf 5 the pattern only
_ALL = "all,*"
_KEY = "gpg-pubkey"
_FIELDS = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{INSTALLTIME}\\n"
# libdnf's numbers of actions: install, downgrade, obsolete, upgrade and reinstall add a version; downgraded and
# upgraded replace one
_COMES = (1, 2, 4, 6, 9)
_GIVES_WAY = (3, 7)
_DONE = 1
_NEEDED = "Failed dependencies"
_LOCKED = re.compile(
    r"already locked by|obtain (?:the \w+|rpm transaction) lock|can't create transaction lock|"
    r"waiting for transaction lock", re.IGNORECASE)
_UNSIGNED = re.compile(
    r"is not signed|GPG signature|GPG check FAILED|GPG Keys are configured|not correct for this package|"
    r"key retrieval failed|Invalid GPG Key|does not verify|OpenPGP check for|Signature verification failed|"
    r"Header V\d .*(?:BAD|NOKEY)", re.IGNORECASE)
_CHECKSUM = re.compile(
    r"checksum doesn't match|incorrect checksum|Package .* has incorrect|digest mismatch", re.IGNORECASE)
_UNREACHABLE = re.compile(r"Failed to download metadata|Errors during downloading metadata|Cannot download repomd")
_GONE = re.compile(r"Error downloading packages|Failed to download packages|Status code: 404")
_FULL = re.compile(r"more space (?:needed )?on the|No space left on device|disk is full", re.IGNORECASE)
_LACKS = re.compile(r"nothing provides|Unable to find a match|No match for argument|conflicting requests")
_DETAIL = re.compile(r"^(?:\[(?:MIRROR|FAILED)\]|All matches were|No match for).*$", re.MULTILINE)
_DNF = ("dnf", "--assumeyes", "--setopt=exit_on_lock=True", "--setopt=*.retries=2")
_KNOWN_METADATA = ("--setopt=*.metadata_expire=-1", "--setopt=*.skip_if_unavailable=True")
_FRESH_METADATA = ("--refresh", "--setopt=*.skip_if_unavailable=True")
# Seconds to wait for another dnf, for example an automatic update.
_LOCK_TIMEOUT = 300
_TIMEOUT = 1800.0


@dataclass(frozen=True)
class _Row:
    """A package in rpm's database; after an interruption one name may have two entries."""

    name: str
    version: str
    architecture: str
    installed: int

    @property
    def label(self) -> str:
        """Return rpm's name of exactly this package, which has no epoch."""
        return "{}-{}.{}".format(self.name, self.version.rpartition(":")[2], self.architecture)


class Dnf:
    """The Backend of the Red Hat family; a hold is an `exclude=` in the file of the given repository."""

    audit = "dnf check"

    def __init__(
        self, root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep,
        repository: Repository | None = None,
    ) -> None:
        self._root = root
        self._run = run
        self._sleep = sleep
        self._repository = repository

    def read(self, names: Sequence[str]) -> tuple[Mapping[str, Installed], bool]:
        """Return the installed packages among `names`, and whether a transaction was interrupted.

        This is one query of rpm's database, some 15 ms; dnf itself would take half a second. A package that an
        interrupted transaction has added counts as not installed: its files exist, but its scriptlets may not have run.
        """
        rows = self._query(names)
        broken = self._half_installed()
        broken.update(row.name for row in _older(rows))
        excluded = self._excludes()
        installed = {
            row.name if row.name != _KEY else f"{_KEY}-{row.version}": Installed(
                row.version, _matches(row.name, excluded))
            for row in rows if row.name not in broken
        }
        return installed, bool(broken)

    def names(self) -> frozenset[str]:
        """Return all installed packages, imported keys included: these have one name and differ in the version."""
        rows = self._rows(["--all"])
        return frozenset(f"{_KEY}-{row.version}" if row.name == _KEY else row.name for row in rows)

    def files(self, spec: PackagesSpec) -> Mapping[str, str]:
        """Return the files of the repository, the key first: dnf reads it as soon as it sees the repository."""
        repository = spec.repository
        if repository is None:
            if spec.hold and spec.pinned:
                raise ClassroomError(
                    "Packages cannot be held: expected a repository for {}, found no repository to hold them in, since "
                    "dnf excludes packages in the file of their repository. Name the repository, or set hold to "
                    "false.".format(
                        ", ".join(spec.pinned)))
            return {}
        return {
            _key_path(repository): openpgp.normalized(repository.signed_by, separate=True),
            _path(repository): _described(repository, self._excludes_as(spec)),
        }

    def _excludes_as(self, spec: PackagesSpec) -> list[str]:
        """Return the excludes of the file, also those of other users, with or without the packages of the spec."""
        ours = [*(spec.repository.excludes if spec.repository else ()), *spec.pinned]
        found = self._excludes()
        if not spec.hold:
            return [pattern for pattern in found if not any(_matches(name, [pattern]) for name in ours)]
        fresh = [name for name in dict.fromkeys(ours) if not _matches(name, found)]
        return [*found, *fresh]

    def _excludes(self) -> list[str]:
        if self._repository is None:
            return []
        return _read_excludes(read_text(self._root(_path(self._repository))) or "", self._repository.name)

    def repair(self, names: Sequence[str]) -> None:
        """Finish an interrupted transaction: erase the versions that it replaced, reinstall those that it added."""
        unfinished = self._unfinished()
        rows = self._query([*names, *unfinished])
        # Several kernels may be installed together, so one is only old if the history says that it was replaced
        paired = {*names, *(name for name, change in unfinished.items() if change.gives_way)}
        leaving = _older([row for row in rows if row.name in paired])
        if leaving:
            # The scriptlets see another package of the same name and do not touch the service
            self._run_unlocked(["rpm", "--erase", *(row.label for row in leaving)])
        broken = [row.name for row in rows if row not in leaving and row.name not in names
                  and row.version in unfinished[row.name].comes]
        if broken:
            self._transact("reinstall", dict.fromkeys(broken), _ALL)

    def available(self, repository: Repository | None, names: Sequence[str]) -> Mapping[str, list[str]]:
        if repository is not None:
            self._reject_duplicate(repository)
            # dnf keeps trusting former keys of the repository
            for cache in _CACHES:
                for path in glob.glob(self._root(f"{cache}/{glob.escape(repository.name)}-*/pubring")):
                    _remove_tree(path)
        only = ["--repo=" + repository.name, f"--setopt={repository.name}.skip_if_unavailable=False"] \
            if repository else []
        argv = ["dnf", "--assumeyes", "--setopt=exit_on_lock=True", *only, _lifted(repository), "--refresh",
                "repoquery", "--queryformat=%{name} %{evr}\\n", *names]
        answer = self._run_unlocked(argv, check=False)
        if answer.rc != 0:
            raise explained(answer, repository)
        offered: dict[str, list[str]] = {}
        for line in answer.out.splitlines():
            name, _blank, version = line.partition(" ")
            if name in names and version not in offered.setdefault(name, []):
                offered[name].insert(0, version)
        return offered

    def _reject_duplicate(self, repository: Repository) -> None:
        """Raise ClassroomError if another file describes the repository, too: it is undefined which one dnf uses."""
        own = os.path.realpath(self._root(_path(repository)))
        for path in sorted(glob.glob(self._root(REPOSITORIES) + "/*.repo")):
            if os.path.realpath(path) != own and _parsed(read_text(path) or "").has_section(repository.name):
                raise ClassroomError(
                    "The repository {} is described twice: expected it in {} only, found it in {} as well. Remove it "
                    "there.".format(
                        repository.name, _path(repository), path[len(self._root("")):]))

    def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
        """Install with dnf's `install`, which can downgrade to an exact version; `reinstall` installed versions."""
        keys = self._keys()
        there = {row.name: row.version for row in self._query(list(versions))}
        again = {
            name: version for name, version in versions.items() if name in there and version in (None, there[name])}
        fresh = {name: version for name, version in versions.items() if name not in again}
        lifted = self._repository.name if self._repository else _ALL
        try:
            if fresh:
                self._transact("install", fresh, lifted)
            if again:
                self._transact("reinstall", again, lifted)
        except BaseException:
            # A key that was imported for rejected packages would stay trusted
            with contextlib.suppress(CommandFailed):
                self._erase(sorted(self._keys() - keys))
            raise

    def _transact(self, verb: str, versions: Mapping[str, str | None], lifted: str) -> None:
        """Change packages with the cached metadata; if that fails, again with new metadata of all repositories.

        An unneeded repository may be unreachable, and an expired cache is sufficient for the packages that it has.
        """
        wanted = [f"{name}-{version}" if version else name for name, version in versions.items()]
        argv = [*_DNF, "--setopt=install_weak_deps=False"]
        change = ["--setopt=disable_excludes=" + lifted, verb, *wanted]
        before = self._rows(["--all"])
        answer = self._run_unlocked([*argv, *_KNOWN_METADATA, *change], check=False)
        if answer.rc == 0:
            return
        if _is_final(answer) or self._rows(["--all"]) != before:
            raise explained(answer, None)
        again = self._run_unlocked([*argv, *_FRESH_METADATA, *change], check=False)
        if again.rc != 0:
            raise explained(again, None) if _is_final(again) else self._unavailable(again)

    def _unavailable(self, answer: Completed) -> ClassroomError:
        """Return an error that names the repositories whose metadata cannot be fetched, if that is the reason."""
        fetched = self._run_unlocked(
            [*_DNF, "--setopt=*.skip_if_unavailable=False", "--refresh", "makecache"], check=False)
        if fetched.rc == 0:
            return explained(answer, None)
        known = self._sources()
        said = fetched.out + fetched.err
        failed = [f"{name} ({uri})" for name, uri in known.items() if name in said or uri in said]
        return ClassroomError(
            "Cannot install the packages: expected the metadata of {}, found that it cannot be fetched. Make this "
            "mirror reachable from the host, correct its address in {}, or disable it. dnf said:\n{}\n{}".format(
                ", ".join(failed or known.values()) or "the host's repositories", REPOSITORIES, fetched.text,
                answer.text))

    def _sources(self) -> dict[str, str]:
        """Return the address of each enabled repository, as its file has it."""
        found = {}
        for path in sorted(glob.glob(self._root(REPOSITORIES) + "/*.repo")):
            parser = _parsed(read_text(path) or "")
            for name in parser.sections():
                addresses = [parser.get(name, key, fallback="") for key in ("baseurl", "mirrorlist", "metalink")]
                if parser.get(name, "enabled", fallback="1").strip().lower() not in ("0", "false", "no"):
                    found[name] = " ".join(" ".join(addresses).split())
        return found

    def _keys(self) -> frozenset[str]:
        return frozenset(f"{_KEY}-{row.version}" for row in self._query([_KEY]))

    def hold(self, names: Sequence[str], held: bool) -> None:
        """Do nothing: holds are in the file of the repository, which was written before the installation."""

    def removable(self, names: Sequence[str]) -> Removable:
        """Simulate the removal; rpm tests all of its arguments or none, so packages are tested one by one."""
        words = self._erase(names, "--test")
        if not words:
            return Removable(tuple(names))
        if _NEEDED not in words:
            raise not_simulated(names, words)
        found: list[str] = []
        more = True
        while more:
            more = False
            for name in names:
                if name not in found and not self._erase([*found, name], "--test"):
                    found.append(name)
                    more = True
        left = [name for name in names if name not in found]
        return Removable(tuple(name for name in names if name in found), self._erase([*found, *left], "--test").strip())

    def purge(self, names: Sequence[str]) -> Purged:
        """Remove only these packages, so not with dnf, which would also remove the packages that need them.

        rpm removes all of its arguments or none, so packages that others need are found one by one.
        """
        left, words = list(names), self._erase(names)
        while words:
            said = {name: self._erase([name]) for name in left}
            words = "\n".join(text for text in said.values() if text)
            if all(said.values()) or not words:
                return Purged(words, _NEEDED in words)
            left = [name for name, text in said.items() if text]
        return Purged("", False)

    def _erase(self, names: Sequence[str], *options: str) -> str:
        """Erase packages and return rpm's message, empty on success."""
        if not names:
            return ""
        answer = self._run_unlocked(["rpm", "--erase", *options, *names], check=False)
        return "" if answer.rc == 0 else answer.text

    def forget(self, files: Mapping[str, str]) -> None:
        """Remove dnf's copies of the metadata, which have the repository in their names."""
        for path, text in files.items():
            if os.path.dirname(path) != REPOSITORIES:
                continue
            for name in _parsed(text).sections():
                for stored in _STORED:
                    for found in glob.glob(self._root(f"{stored}/{glob.escape(name)}[-.]*")):
                        _remove_tree(found)

    def _query(self, names: Iterable[str]) -> list[_Row]:
        return self._rows(["--", *dict.fromkeys(names)]) if names else []

    def _rows(self, arguments: Sequence[str]) -> list[_Row]:
        argv = ["rpm", "--query", "--queryformat=" + _FIELDS, *arguments]
        answer = self._run(argv, check=False)
        # The exit status counts packages that are not installed, which is no error
        if answer.rc == 127 or "error: " in answer.err:
            raise CommandFailed(argv, answer)
        rows = [line.split("\t") for line in answer.out.splitlines() if line.count("\t") == 3]
        return [_Row(name, version, arch, int(since)) for name, version, arch, since in rows]

    def _half_installed(self) -> set[str]:
        """Return the packages that an interrupted transaction has added."""
        unfinished = self._unfinished()
        return {row.name for row in self._query(unfinished) if row.version in unfinished[row.name].comes}

    def _unfinished(self) -> dict[str, _Change]:
        """Return the changes of the last transaction by package if it was interrupted and no process continues it."""
        path = self._root(HISTORY)
        if not os.path.exists(path) or self._is_at_work():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as history:
                return _interrupted(history)
        except sqlite3.Error:
            # Another format of history, or none: then only two versions of one package are noticed
            return {}

    def _is_at_work(self) -> bool:
        number = (read_text(self._root(_AT_WORK)) or "").strip()
        return bool(number) and os.path.exists(self._root("/proc/" + number))

    def _run_unlocked(self, argv: Sequence[str], check: bool = True) -> Completed:
        """Run a command again while another package manager works; raise ClassroomError if that does not end."""
        deadline = Deadline(_LOCK_TIMEOUT, 1, sleep=self._sleep)
        while True:
            answer = self._run(argv, timeout=_TIMEOUT, check=False)
            if answer.rc == 0 or not _LOCKED.search(answer.text):
                break
            if deadline.expired:
                raise ClassroomError(
                    f"Packages cannot be changed: expected the lock of dnf or rpm to be free within {_LOCK_TIMEOUT} s, "
                    "found another dnf or rpm at work. Wait until it has ended, or see what it waits for. It is:\n"
                    f"{answer.text}")
            deadline.pause()
        if check and answer.rc != 0:
            raise CommandFailed(argv, answer)
        return answer


@dataclass(frozen=True)
class _Change:
    """The effect of a transaction on one package name: the versions that it adds, and whether it replaces one."""

    comes: frozenset[str] = frozenset()
    gives_way: bool = False


def _interrupted(history: sqlite3.Connection) -> dict[str, _Change]:
    """Return the changes of the last transaction in the history of dnf 4, empty if its end is recorded."""
    last = history.execute("SELECT id, dt_end, state FROM trans ORDER BY id DESC LIMIT 1").fetchone()
    if last is None or last[1] or last[2] == _DONE:
        return {}
    items = history.execute(
        "SELECT r.name, r.epoch, r.version, r.release, i.action FROM trans_item i JOIN rpm r ON r.item_id = i.item_id "
        "WHERE i.trans_id = ?", (last[0],)).fetchall()
    changes: dict[str, _Change] = {}
    for name, epoch, version, release, action in items:
        whole = "{}{}-{}".format(f"{epoch}:" if epoch else "", version, release)
        known = changes.get(name, _Change())
        changes[name] = _Change(
            known.comes | {whole} if action in _COMES else known.comes, known.gives_way or action in _GIVES_WAY)
    return changes


def _older(rows: Sequence[_Row]) -> list[_Row]:
    """Return all but the most recently installed one of packages that are installed twice."""
    newest: dict[tuple[str, str], _Row] = {}
    for row in sorted(rows, key=lambda each: each.installed):
        newest[row.name, row.architecture] = row
    return [row for row in rows if row.name != _KEY and row is not newest[row.name, row.architecture]]


def _path(repository: Repository) -> str:
    return f"{REPOSITORIES}/{repository.name}.repo"


def _key_path(repository: Repository) -> str:
    return f"{KEYS}/RPM-GPG-KEY-{repository.name}"


def _described(repository: Repository, excludes: Sequence[str]) -> str:
    """Return the file of a repository, in the order of upstream's documentation for easy comparison."""
    lines = [
        HEADER.rstrip("\n"),
        f"[{repository.name}]",
        "name=" + (repository.description or repository.name),
        "baseurl=" + repository.uri,
        "enabled=1",
        "gpgcheck=1",
    ]
    if repository.signed_metadata:
        lines.append("repo_gpgcheck=1")
    lines.append("gpgkey=file://" + _key_path(repository))
    if excludes:
        lines.append("exclude=" + " ".join(excludes))
    return "\n".join(lines) + "\n"


def _parsed(text: str) -> configparser.RawConfigParser:
    """Parse a file of repositories; one that dnf cannot read has none."""
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error):
        parser.read_string(text)
    return parser


def _read_excludes(text: str, name: str) -> list[str]:
    parser = _parsed(text)
    found = [parser.get(name, key, fallback="") for key in ("exclude", "excludepkgs")]
    return list(dict.fromkeys(re.split(r"[\s,]+", " ".join(found).strip()))) if any(found) else []


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _lifted(repository: Repository | None) -> str:
    return "--setopt=disable_excludes=" + (repository.name if repository else _ALL)


def _remove_tree(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _is_final(answer: Completed) -> bool:
    """Return whether other metadata cannot help; a message that is not recognized may be about metadata."""
    words = "\n".join(_details(answer))
    return answer.rc < 0 or answer.rc in (124, 127) or any(
        pattern.search(words) for pattern in (_FULL, _CHECKSUM, _UNSIGNED))


def _details(answer: Completed) -> Iterator[str]:
    """Yield dnf's messages: the failure is on one output, its reason on the other."""
    yield from dict.fromkeys(_DETAIL.findall(answer.out))
    yield answer.text


def explained(answer: Completed, repository: Repository | None) -> ClassroomError:
    """Return an error that explains the output of a failed dnf and quotes it."""
    source = repository.uri if repository else "the package source"
    words = "\n".join(_details(answer))
    said = " dnf said:\n" + words
    if answer.rc < 0 or answer.rc == 124:
        return ClassroomError(
            "dnf was ended before it had finished: expected an exit status, found {}. Run this again: what is half "
            "installed is completed first.{}".format(
                "no end in time" if answer.rc == 124 else f"signal {-answer.rc}", said))
    if _FULL.search(words):
        return ClassroomError(
            "Not enough disk space: expected room for the packages, found the disk full. Make room, for example with "
            "'dnf clean packages'." + said)
    if _CHECKSUM.search(words):
        return ClassroomError(
            f"The packages are damaged: expected them as {source} has signed them, found files with other contents "
            f"(checksum). The source was changed or damaged after it was signed: create it again.{said}")
    if _UNSIGNED.search(words):
        return ClassroomError(
            f"The signature check failed: expected {source} signed with the given key, found it, or a package of it, "
            f"unsigned or signed with another one. Correct the key, or do not use this source.{said}")
    if repository is not None and _UNREACHABLE.search(words):
        return ClassroomError(
            f"The repository is not usable: expected the metadata of {source}, found that it cannot be fetched. Check "
            f"the address, and that the server is up.{said}")
    if _GONE.search(words):
        return ClassroomError(
            "The packages cannot be downloaded: expected the packages that the source lists, found that they cannot be "
            "fetched from it. Check that the server is up and that its copy is complete." + said)
    if _LACKS.search(words):
        return ClassroomError(
            "Dependencies are missing: expected the packages and all of their dependencies, found that the host's "
            "sources lack some of them. Enable the repositories of the distribution." + said)
    return ClassroomError(
        "Cannot install the packages: expected dnf to succeed, found an error. Correct what it names:\n" + words)
