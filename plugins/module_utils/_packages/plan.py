# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of exact versions from a repository, held there; the part that does not depend on the package manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .._core import original_state
from .._core.errors import ClassroomError
from .._core.files import Root, read_text, remove, write_text
from .._core.plan import Change
from .._formats import openpgp


@dataclass(frozen=True)
class Repository:
    """A signed package repository.

    Only apt has suites, components, architectures and further addresses of the same form and key; only dnf asks for
    what is between fingerprints and those.
    """

    name: str
    uri: str
    signed_by: str
    suite: str = "./"
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    description: str = ""
    signed_metadata: bool = True
    excludes: tuple[str, ...] = ()
    further_uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class Package:
    """A package and the version it must have.

    That is the packager's whole one, the one before the hyphen, only its first two numbers, or None for any.
    """

    name: str
    version: str | None = None

    def accepts(self, version: str) -> bool:
        """Whether a version found somewhere is the wanted one.

        `1.36.3` accepts `1.36.3-1.1`, but not `1.36.30`; `1.36` accepts `1.36.3-1.1`, but not `1.360`.
        """
        if self.version is None or version == self.version:
            return True
        ends = ("-", ".") if self.version.count(".") == 1 else ("-",)
        return version.startswith(tuple(self.version + end for end in ends))


@dataclass(frozen=True)
class PackagesSpec:
    """Packages, where they come from, and whether those of a certain version are held there.

    Without a repository, and for packages of any version, that is wherever the machine has its packages from.
    """

    packages: tuple[Package, ...]
    repository: Repository | None = None
    hold: bool = True

    @property
    def names(self) -> list[str]:
        return [package.name for package in self.packages]

    @property
    def pinned(self) -> list[str]:
        """The packages that hold is about: one of any version may move."""
        return [package.name for package in self.packages if package.version is not None]


@dataclass(frozen=True)
class Installed:
    """An installed package."""

    version: str
    held: bool


@dataclass(frozen=True)
class PackagesState:
    """What the package manager has. `interrupted`: it was ended in the middle of its work."""

    installed: Mapping[str, Installed] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(frozen=True)
class Purged:
    """What a package manager said of packages that it did not remove, and whether others need them."""

    words: str
    needed: bool


@dataclass(frozen=True)
class Removable:
    """Which packages can be removed without breaking others, and the package manager's reasons for the rest."""

    names: tuple[str, ...] = ()
    words: str = ""


def not_simulated(names: Sequence[str], words: str) -> ClassroomError:
    return ClassroomError(
        "Cannot determine whether {} can be removed: expected a simulation by the package manager, found that it "
        "failed. Correct what it names. Nothing was changed by this step. It said:\n{}".format(
            ", ".join(names), words))


class Backend(Protocol):
    """A package manager. Everything it raises is a ClassroomError or CommandFailed."""

    audit: str
    """What a person types to see what is wrong with the packages."""

    def read(self, names: Sequence[str]) -> tuple[Mapping[str, Installed], bool]:
        """The installed ones of these packages, and whether earlier work was interrupted."""

    def names(self) -> frozenset[str]:
        """All installed packages of the machine."""

    def files(self, spec: PackagesSpec) -> Mapping[str, str]:
        """The files, and their content, that make the wish's repository known, and its holds where they stand there."""

    def repair(self, names: Sequence[str]) -> None:
        """Finish interrupted work, as far as it is not about these packages: they are installed afterwards anyway."""

    def available(self, repository: Repository | None, names: Sequence[str]) -> Mapping[str, list[str]]:
        """Look into the repository anew: the versions that it has of each package, the newest first."""

    def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
        """Install these versions (None: any), up, down or once more, in one transaction."""

    def hold(self, names: Sequence[str], held: bool) -> None:
        """Keep the packages from, or release them to, upgrades of the whole system, as far as `files` did not."""

    def removable(self, names: Sequence[str]) -> Removable:
        """Simulate the removal of these installed packages, and change nothing.

        Raises ClassroomError where others do not need them and the package manager would fail nevertheless.
        """

    def purge(self, names: Sequence[str]) -> Purged:
        """Remove packages with their configuration, and nothing else."""

    def forget(self, files: Mapping[str, str]) -> None:
        """Remove what was stored of repositories whose files, with the content that they had, are gone."""


def with_checked_key(repository: Repository) -> Repository:
    """Return the repository with its key as it was parsed, in plain armour.

    Raises ClassroomError for a missing key, a text that is not only a key, and a key without one of the fingerprints,
    where there are any.
    """
    if not repository.signed_by.strip():
        raise ClassroomError(
            f"Wanted the public key that signs {repository.uri}, found none: its file is empty, or the controller "
            "could not fetch "
            "it, which is a warning of this run. Let the controller reach it, or give it as a file.")
    found = openpgp.fingerprints(repository.signed_by)
    allowed = ["".join(each.split()).upper() for each in repository.fingerprints]
    unknown = [each for each in found if each not in allowed]
    if allowed and unknown:
        raise ClassroomError(
            "The key of {} is not the known one: expected the fingerprint {}, found {}. Either its owner has a new "
            "key, which the owner's own page says, or the key was exchanged on its way. Nothing was changed.".format(
                repository.uri, " or ".join(allowed), ", ".join(unknown)))
    return replace(repository, signed_by=openpgp.normalized(repository.signed_by))


def read_state(root: Root, backend: Backend, spec: PackagesSpec, files: Mapping[str, str]) -> PackagesState:
    installed, interrupted = backend.read(spec.names)
    return PackagesState(installed, {path: read_text(root(path)) for path in files}, interrupted)


def plan(spec: PackagesSpec, state: PackagesState, files: Mapping[str, str]) -> list[Change]:
    """Repair, repository, packages, hold: the order in which they depend on each other."""
    steps = []
    if state.interrupted:
        steps.append(Change("packages", "of the whole machine", "half installed", "installed",
                          "an earlier installation was interrupted"))
    for path, content in files.items():
        if state.texts.get(path) != content:
            steps.append(Change("file", path, state.texts.get(path) or "", content,
                              "the repository is not known" if state.texts.get(path) is None
                              else "it describes another repository or key"))
    for package in spec.packages:
        found = state.installed.get(package.name)
        steps += _plan_package(package, found)
    return steps + _plan_hold(spec, state)


def _plan_package(package: Package, found: Installed | None) -> list[Change]:
    if found is not None and package.accepts(found.version):
        return []
    return [Change("package", package.name, found.version if found else "not installed",
                 package.version or "any version",
                 "it is missing" if found is None else "it has another version")]


def _plan_hold(spec: PackagesSpec, state: PackagesState) -> list[Change]:
    steps = []
    for name in spec.pinned:
        found = state.installed.get(name)
        if (found is not None and found.held) != spec.hold:
            steps.append(Change("hold", name, "no" if spec.hold else "yes", "yes" if spec.hold else "no",
                              "an upgrade of the system would move it" if spec.hold
                              else "upgrades of the system should move it"))
    return steps


def apply(root: Root, backend: Backend, spec: PackagesSpec, state: PackagesState, files: Mapping[str, str]) -> None:
    """Make the wish true. Files of a repository that turns out not to serve are put back as they were."""
    if state.interrupted:
        backend.repair(spec.names)
        state = read_state(root, backend, spec, files)
    changed = {path: content for path, content in files.items() if state.texts.get(path) != content}
    before = {path: state.texts.get(path) for path in changed}
    recorded: list[original_state.Added] = []
    try:
        recorded.append(original_state.keep(root, original_state.former_files(root, changed)))
        for path, content in changed.items():
            write_text(root(path), content, 0o644)
        versions = _choose(backend, spec, state)
    except BaseException:
        _put_back(root, before, recorded)
        raise
    recorded.append(original_state.keep(root, _former(spec, state, versions)))
    if versions:
        _install(root, backend, spec, versions, before, recorded)
    _hold(backend, spec)
    _verify(backend, spec)


def _install(
    root: Root, backend: Backend, spec: PackagesSpec, versions: Mapping[str, str | None],
    before: Mapping[str, str | None],
    recorded: Sequence[original_state.Added],
) -> None:
    """Install, and keep what came; where they were refused before one was touched, the files are put back as well."""
    there, found = backend.names(), backend.read(spec.names)
    try:
        backend.install(versions, found[0])
    except BaseException:
        came = backend.names() - there
        if came or backend.read(spec.names) != found:
            original_state.keep(root, {"packages": dict.fromkeys(sorted(came))})
        else:
            _put_back(root, before, recorded)
        raise
    # Also what they depend on, which nobody knew before
    original_state.keep(root, {"packages": dict.fromkeys(sorted(backend.names() - there))})


def _former(spec: PackagesSpec, state: PackagesState, versions: Mapping[str, str | None]) -> dict[str, Any]:
    """What is about to be changed, as it is: the versions, and the holds of packages that are there."""
    former: dict[str, Any] = {}
    if versions:
        former["packages"] = {
            name: state.installed[name].version if name in state.installed else None for name in versions}
    holds = {name: state.installed[name].held for name in spec.pinned if name in state.installed}
    if any(held != spec.hold for held in holds.values()):
        former["holds"] = holds
    return former


def _put_back(root: Root, texts: Mapping[str, str | None], recorded: Sequence[original_state.Added]) -> None:
    original_state.take_back(root, *recorded)
    for path, text in texts.items():
        if text is None:
            remove(root(path))
        else:
            write_text(root(path), text)


def _choose(backend: Backend, spec: PackagesSpec, state: PackagesState) -> dict[str, str | None]:
    """The exact version of every package that is not installed as wanted, None where any will do."""
    wanted = [package for package in spec.packages if _plan_package(package, state.installed.get(package.name))]
    pinned = [package for package in wanted if package.version is not None]
    versions: dict[str, str | None] = {package.name: None for package in wanted if package.version is None}
    if not pinned:
        return versions
    offered = backend.available(spec.repository, [package.name for package in pinned])
    failures = []
    for package in pinned:
        fitting = [version for version in offered.get(package.name, ()) if package.accepts(version)]
        if fitting:
            versions[package.name] = fitting[0]
        else:
            failures.append(_lacks(package, spec.repository, offered.get(package.name, [])))
    if failures:
        raise ClassroomError(" ".join(failures))
    return versions


def _lacks(package: Package, repository: Repository | None, offered: Sequence[str]) -> str:
    found = ", ".join(offered[:10]) if offered else "no package of that name"
    return "Wanted {} {}, found {} in {}. {}, or another source.".format(
        package.name, package.version, found, repository.uri if repository else "the machine's package sources",
        "Choose one of those" if offered else "Correct the name")


def _hold(backend: Backend, spec: PackagesSpec) -> None:
    """Read again: an installation may lift a hold, and a repair may have installed something."""
    installed = backend.read(spec.pinned)[0]
    wrong = [name for name in spec.pinned if name in installed and installed[name].held != spec.hold]
    if wrong:
        backend.hold(wrong, spec.hold)


def _verify(backend: Backend, spec: PackagesSpec) -> None:
    """A package manager that reports success has not always done what it was asked."""
    installed, interrupted = backend.read(spec.names)
    wrong = [step.target for package in spec.packages for step in _plan_package(package, installed.get(package.name))]
    if wrong or interrupted:
        raise ClassroomError(
            "Wanted every package completely installed, found {} after an installation without errors. "
            "Look at it with '{}'.".format(
                ", ".join(wrong) + " not as wanted" if wrong else "others half installed", backend.audit))
