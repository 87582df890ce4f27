# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The package manager backend for apt and dpkg."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Callable

from .._core.command import CommandFailed, Completed, Runner
from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._core.files import HEADER, Root, read_text, remove
from .plan import Installed, PackagesSpec, Purged, Removable, Repository, not_simulated

STATUS = "/var/lib/dpkg/status"
# dpkg's journal: files in it mean that dpkg was ended before it could merge them into its status.
_UPDATES = "/var/lib/dpkg/updates"
_SOURCES = "/etc/apt/sources.list.d"
_LISTS = "/var/lib/apt/lists"
# A line of dpkg's simulation, for each package that it would remove
_GOING = re.compile(r"^Would remove or purge (\S+) ", re.MULTILINE)
_SIMULATION = 120.0
# Message of dpkg in the C locale
_NEEDED = "dependency problems prevent removal"
_BROKEN = re.compile(
    r"^Status: \S+ (?:reinstreq \S+|"
    r"\S+ (?:half-installed|half-configured|unpacked|triggers-awaited|triggers-pending))$",
    re.MULTILINE)
_INSTALLED = re.compile(
    r"^Package: (\S+)\n(?:(?!Package: |Status: ).+\n)*Status: \S+ \S+ (?:installed|triggers-\S+)$", re.MULTILINE)
_HALF_INSTALLED = re.compile(r"^Status: .*(?:reinstreq|half-installed)", re.MULTILINE)
_PRESENT = ("installed", "triggers-awaited", "triggers-pending")
_LOCKED = re.compile(r"[Cc]ould not get lock|[Uu]nable to (?:acquire|lock)|was locked by another process")
_HASH = re.compile(r"Hash Sum mismatch|Hashes of expected file|File has unexpected size|Corrupted file")
_UNSIGNED = re.compile(
    r"is not signed|NO_PUBKEY|signatures? (?:couldn't be verified|were invalid)|invalid signature|not verified|"
    r"Missing key|does not have a Release file|Malformed|BADSIG|Sub-process .*sqv? returned an error code")
# A line of a simulation about an installed package that gets another version: name, [old], (new ...
_MOVED = re.compile(r"^Inst (\S+) \[([^\]]+)\] \((\S+)", re.MULTILINE)
# A line of --print-uris: 'address' file size checksum; and the part after the address of a source
_LISTED = re.compile(r"^'([^']+)' ", re.MULTILINE)
_BELOW_SOURCE = re.compile(r"/(?:dists/.*|\./[^/]*|[^/]*)$")
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    # Services are restarted by the code that configures them.
    "NEEDRESTART_SUSPEND": "1",
}
# Seconds to wait for another apt, for example the daily update after a boot.
_LOCK_TIMEOUT = 300
_TIMEOUT = 1800.0


class Apt:
    """The Backend of the Debian family."""

    audit = "dpkg --audit"

    def __init__(
        self, root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep,
        repository: Repository | None = None,
    ) -> None:
        self._root = root
        self._run = run
        self._sleep = sleep
        self._repository = repository

    def read(self, names: Sequence[str]) -> tuple[Mapping[str, Installed], bool]:
        """Return the installed packages among `names`, and whether dpkg was interrupted.

        They are read from dpkg's status file: running dpkg-query and apt-mark takes ten times as long.
        """
        status = read_text(self._root(STATUS))
        if status is None:
            raise ClassroomError(
                f"The installed packages cannot be read: expected dpkg's status in {STATUS}, found no such file. Use a "
                "host of the Debian family.")
        found = {name: _installed(status, name) for name in names}
        installed = {name: package for name, package in found.items() if package is not None}
        return installed, bool(_BROKEN.search(status)) or self._has_journal()

    def names(self) -> frozenset[str]:
        return frozenset(_INSTALLED.findall(read_text(self._root(STATUS)) or ""))

    def _has_journal(self) -> bool:
        try:
            return any(name.isdigit() for name in os.listdir(self._root(_UPDATES)))
        except FileNotFoundError:
            return False

    def files(self, spec: PackagesSpec) -> Mapping[str, str]:
        """Return the files of the repository, the key first: apt rejects a source whose key is missing."""
        repository = spec.repository
        if repository is None:
            return {}
        return {
            _key_path(repository): repository.signed_by.strip() + "\n",
            _source_path(repository): _source(repository),
        }

    def repair(self, names: Sequence[str]) -> None:
        self._run_unlocked(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"])
        self._apt("install", "--fix-broken", "--no-install-recommends")
        # Neither of the two repairs a package whose unpacking was interrupted.
        broken = [name for name in _half_installed(read_text(self._root(STATUS)) or "") if name not in names]
        if broken:
            self._apt("install", "--reinstall", "--no-install-recommends", *broken)

    def available(self, repository: Repository | None, names: Sequence[str]) -> Mapping[str, list[str]]:
        self._update(repository)
        answer = self._run(["apt-cache", *_only(repository), "madison", *names], check=False)
        offered: dict[str, list[str]] = {}
        for line in answer.out.splitlines():
            name, version = (word.strip() for word in line.split("|")[:2])
            if version not in offered.setdefault(name, []):
                offered[name].append(version)
        return offered

    def _update(self, repository: Repository | None) -> None:
        try:
            self._apt("update", *_only(repository), "--option=APT::Update::Error-Mode=any")
        except CommandFailed as problem:
            raise explained(problem.completed, repository) from problem

    def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
        # Without --reinstall apt takes a package whose unpacking was interrupted for installed.
        arguments = ["--no-install-recommends", "--allow-change-held-packages", "--reinstall"]
        if any(version and self._is_lower(version, installed.get(name)) for name, version in versions.items()):
            arguments.append("--allow-downgrades")
        arguments += [f"{name}={version}" if version else name for name, version in versions.items()]
        refreshed = self._check_resolvable(versions, arguments)
        before = read_text(self._root(STATUS))
        answer = self._apt("install", *arguments, check=False)
        if answer.rc == 0:
            return
        # Stale lists name package files that no longer exist, which only the download notices. If dpkg has started,
        # apt was ended, or the content is wrong, other lists cannot help.
        is_final = refreshed is not None or _was_ended(answer) or _HASH.search(answer.text)
        if is_final or read_text(self._root(STATUS)) != before:
            raise explained(answer, None)
        refreshed = self._refresh()
        self._check_resolvable(versions, arguments, refreshed)
        answer = self._apt("install", *arguments, check=False)
        if answer.rc != 0:
            raise self._unavailable(answer, refreshed)

    def _check_resolvable(
        self, versions: Mapping[str, str | None], arguments: Sequence[str], refreshed: Completed | None = None,
    ) -> Completed | None:
        """Check by simulation that all dependencies are known and that no other installed package changes.

        Return the result of updating all package lists, or None where the known lists were sufficient: a fresh image
        has none at all, and a mirror that is not needed may be unreachable. Raises ClassroomError.
        """
        answer = self._apt("install", "--simulate", *arguments, check=False)
        if answer.rc != 0 and refreshed is None and not _was_ended(answer):
            refreshed = self._refresh()
            answer = self._apt("install", "--simulate", *arguments, check=False)
        if answer.rc != 0:
            raise self._unavailable(answer, refreshed)
        moved = [match for match in _MOVED.findall(answer.out) if match[0].partition(":")[0] not in versions]
        foreign = [match for match in moved if not self._is_offered(*match[::2])]
        if foreign:
            raise ClassroomError(
                "Cannot install {} without changing other packages: expected the installed packages to satisfy its "
                "dependencies, found that these need another version: {}. Upgrade them first, or choose another "
                "version. No package was changed.".format(
                    ", ".join(versions), ", ".join("{} {} -> {}".format(*match) for match in foreign)))
        return refreshed

    def _is_offered(self, name: str, version: str) -> bool:
        """Return whether the repository of this run has that version: its packages may move each other."""
        if self._repository is None:
            return False
        answer = self._run(["apt-cache", *_only(self._repository), "madison", name], check=False)
        return version in [line.split("|")[1].strip() for line in answer.out.splitlines() if line.count("|") > 1]

    def _refresh(self) -> Completed:
        """Update the lists of all sources. One that is unreachable may not be needed: only its result is returned."""
        return self._apt("update", "--option=APT::Update::Error-Mode=any", check=False)

    def _unavailable(self, answer: Completed, refreshed: Completed | None) -> ClassroomError:
        """Return an error that names the sources that could not be fetched, or that lack a package."""
        if refreshed is None or _was_ended(answer) or _HASH.search(answer.text):
            return explained(answer, None)
        fetched = self._run(["apt-get", "update", "--print-uris"], check=False)
        sources = list(dict.fromkeys(_BELOW_SOURCE.sub("", uri) for uri in _LISTED.findall(fetched.out)))
        if refreshed.rc != 0:
            failed = [uri for uri in sources if uri in refreshed.text] or sources
            return ClassroomError(
                "Cannot install the packages: expected the package lists of {}, found that they cannot be fetched. "
                "Make this mirror reachable from the host, correct its address in /etc/apt, or use a bundle that "
                "includes the packages of this distribution. apt said:\n{}\n{}".format(
                    ", ".join(failed) or "the host's package sources", refreshed.text, answer.text))
        return ClassroomError(
            "Cannot install the packages: expected them and all dependencies in the host's package sources ({}), "
            "found that some are not there. Add a mirror of the distribution to /etc/apt, or use a bundle that has "
            "the packages of this distribution. apt said:\n{}".format(", ".join(sources) or "none", answer.text))

    def _is_lower(self, version: str, installed: Installed | None) -> bool:
        if installed is None:
            return False
        return self._run(["dpkg", "--compare-versions", version, "lt", installed.version], check=False).rc == 0

    def hold(self, names: Sequence[str], held: bool) -> None:
        self._run_unlocked(["apt-mark", "hold" if held else "unhold", *names])

    def removable(self, names: Sequence[str]) -> Removable:
        """Simulate with dpkg, which removes packages that depend on each other and keeps those that others need."""
        answer = self._run(["dpkg", "--purge", "--no-act", *names], timeout=_SIMULATION, check=False, env=_ENVIRONMENT)
        going = {name.partition(":")[0] for name in _GOING.findall(answer.out)}
        found = tuple(name for name in names if name in going)
        if len(found) < len(names) and _NEEDED not in answer.text:
            raise not_simulated(names, answer.text)
        return Removable(found, "" if len(found) == len(names) else answer.err.strip())

    def purge(self, names: Sequence[str]) -> Purged:
        """Remove with dpkg: apt would also remove packages that were installed later and depend on these."""
        words = self._run_unlocked(["dpkg", "--purge", *names], check=False).text
        return Purged(words, _NEEDED in words)

    def forget(self, files: Mapping[str, str]) -> None:
        """Remove apt's copies of the package lists, which have the address in their names."""
        for path, text in files.items():
            if os.path.dirname(path) != _SOURCES:
                continue
            lines = [line.split() for line in text.splitlines()]
            for uri in [word for line in lines if line[:1] == ["URIs:"] for word in line[1:]]:
                name = uri.partition("://")[2].rstrip("/").replace("_", "%5f").replace("/", "_")
                for found in glob.glob(self._root(f"{_LISTS}/{glob.escape(name)}_*")):
                    remove(found)

    def _apt(self, verb: str, *arguments: str, check: bool = True) -> Completed:
        return self._run_unlocked(
            ["apt-get", "--quiet=2", "--yes", f"--option=DPkg::Lock::Timeout={_LOCK_TIMEOUT}",
             "--option=Dpkg::Options::=--force-confdef", "--option=Dpkg::Options::=--force-confold",
             "--option=Dpkg::Use-Pty=0", "--option=Acquire::Retries=2", verb, *arguments], check=check)

    def _run_unlocked(self, argv: Sequence[str], check: bool = True) -> Completed:
        """Run a command again while another package manager works: apt itself does not wait for all of its locks."""
        deadline = Deadline(_LOCK_TIMEOUT, 1, sleep=self._sleep)
        while True:
            answer = self._run(argv, timeout=_TIMEOUT, check=False, env=_ENVIRONMENT)
            if answer.rc == 0 or not _LOCKED.search(answer.text) or deadline.expired:
                break
            deadline.pause()
        if check and answer.rc != 0:
            raise CommandFailed(argv, answer)
        return answer


def _was_ended(answer: Completed) -> bool:
    """Return whether a signal or the timeout ended the command, or it could not be started."""
    return answer.rc < 0 or answer.rc in (124, 127)


def _installed(status: str, name: str) -> Installed | None:
    start = ("\n" + status).find(f"\nPackage: {name}\n")
    if start < 0:
        return None
    end = status.find("\n\n", start)
    stanza = status[start : end if end >= 0 else None]
    fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
    selection, condition = fields["Status"].split()[::2]
    if condition not in _PRESENT:
        return None
    return Installed(fields["Version"], selection == "hold")


def _half_installed(status: str) -> list[str]:
    """Return the packages whose unpacking was interrupted."""
    return [
        line.partition(": ")[2]
        for stanza in status.split("\n\n") if _HALF_INSTALLED.search(stanza)
        for line in stanza.splitlines() if line.startswith("Package: ")
    ]


def _key_path(repository: Repository) -> str:
    return f"/etc/apt/keyrings/{repository.name}.asc"


def _source_path(repository: Repository) -> str:
    return f"{_SOURCES}/{repository.name}.sources"


def _source(repository: Repository) -> str:
    lines = [
        HEADER.rstrip("\n"),
        "Types: deb",
        "URIs: " + " ".join((repository.uri, *repository.further_uris)),
        "Suites: " + repository.suite,
    ]
    if repository.components:
        lines.append("Components: " + " ".join(repository.components))
    if repository.architectures:
        lines.append("Architectures: " + " ".join(repository.architectures))
    lines.append("Signed-By: " + _key_path(repository))
    return "\n".join(lines) + "\n"


def _only(repository: Repository | None) -> list[str]:
    """Return the options with which apt reads only this repository: other sources may be slow or unreachable."""
    if repository is None:
        return []
    return [
        "--option=Dir::Etc::sourcelist=" + _source_path(repository),
        "--option=Dir::Etc::sourceparts=-",
        "--option=APT::Get::List-Cleanup=0",
        # Otherwise a cache of this source would replace that of all sources, which would be created again afterwards.
        "--option=Dir::Cache::pkgcache=",
        "--option=Dir::Cache::srcpkgcache=",
    ]


def explained(answer: Completed, repository: Repository | None) -> ClassroomError:
    """Return an error that explains the output of a failed apt and quotes it."""
    source = repository.uri if repository else "the package source"
    words = "\n" + answer.text
    if answer.rc < 0 or answer.rc == 124:
        return ClassroomError(
            "apt was ended before it had finished: expected an exit status, found {}. Run this again: what is half "
            "installed is completed first. apt said:{}".format(
                "no end in time" if answer.rc == 124 else f"signal {-answer.rc}", words))
    if _HASH.search(answer.text):
        return ClassroomError(
            f"The packages are damaged: expected them as {source} has signed them, found files with other contents "
            "(Hash Sum mismatch). The source was changed or damaged after it was signed: create it again. apt said:"
            f"{words}")
    if _UNSIGNED.search(answer.text):
        return ClassroomError(
            f"The signature check failed: expected {source} signed with the given key, found it unsigned or signed "
            f"with another one. Correct the key, or do not use this source. apt said:{words}")
    if repository is not None:
        return ClassroomError(
            f"The repository is not usable: expected the package lists of {source}, found that they cannot be fetched. "
            f"Check the address, and that the server is up. apt said:{words}")
    return ClassroomError(
        f"Cannot install the packages: expected apt to succeed, found an error. Correct what it names:{words}")
