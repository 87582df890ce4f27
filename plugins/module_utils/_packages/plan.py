# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install and hold packages of exact versions from a repository; the part that all package managers share."""

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

    Only apt uses suite, components, architectures and further_uris (other addresses with the same form and key); only
    dnf uses description, signed_metadata and excludes.
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
    """A package and its desired version.

    The version is the whole one of the packager, the part before the hyphen, the first two numbers, or None for any.
    """

    name: str
    version: str | None = None

    def accepts(self, version: str) -> bool:
        """Return whether an installed or offered version is the desired one.

        `1.36.3` accepts `1.36.3-1.1`, but not `1.36.30`; `1.36` accepts `1.36.3-1.1`, but not `1.360`.
        """
        if self.version is None or version == self.version:
            return True
        ends = ("-", ".") if self.version.count(".") == 1 else ("-",)
        return version.startswith(tuple(self.version + end for end in ends))


@dataclass(frozen=True)
class PackagesSpec:
    """Desired packages, their repository, and whether those with a version are held.

    Without a repository, and for packages of any version, the package sources of the host are used.
    """

    packages: tuple[Package, ...]
    repository: Repository | None = None
    hold: bool = True

    @property
    def names(self) -> list[str]:
        """Return the names of all packages."""
        return [package.name for package in self.packages]

    @property
    def pinned(self) -> list[str]:
        """Return the packages that can be held: those with a version."""
        return [package.name for package in self.packages if package.version is not None]


@dataclass(frozen=True)
class Installed:
    """An installed package."""

    version: str
    held: bool


@dataclass(frozen=True)
class PackagesState:
    """The current state of the packages and of the repository's files.

    `interrupted`: the package manager was ended before it had finished.
    """

    installed: Mapping[str, Installed] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(frozen=True)
class Purged:
    """The message of a package manager about packages that it did not remove, and whether others need them."""

    words: str
    needed: bool


@dataclass(frozen=True)
class Removable:
    """The packages that can be removed without breaking others, and the package manager's reasons for the rest."""

    names: tuple[str, ...] = ()
    words: str = ""


def not_simulated(names: Sequence[str], words: str) -> ClassroomError:
    """Return the error of a package manager that cannot simulate the removal of packages; `words` is its output."""
    return ClassroomError(
        "Cannot determine whether {} can be removed: expected a simulation by the package manager, found that it "
        "failed. Correct what it names. Nothing was changed by this step. It said:\n{}".format(
            ", ".join(names), words))


class Backend(Protocol):
    """The interface of a package manager. All methods raise only ClassroomError or CommandFailed."""

    audit: str
    """The command that shows the user what is wrong with the packages."""

    def read(self, names: Sequence[str]) -> tuple[Mapping[str, Installed], bool]:
        """Return the installed ones of these packages, and whether earlier work was interrupted."""

    def names(self) -> frozenset[str]:
        """Return all installed packages of the host."""

    def files(self, spec: PackagesSpec) -> Mapping[str, str]:
        """Return the content of the files that describe the repository, including holds if they are part of it."""

    def repair(self, names: Sequence[str]) -> None:
        """Finish interrupted work, except for these packages, which are installed afterwards anyway."""

    def available(self, repository: Repository | None, names: Sequence[str]) -> Mapping[str, list[str]]:
        """Fetch the lists of the repository and return its versions of each package, the newest first."""

    def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
        """Install these versions (None: any) in one transaction; upgrade, downgrade or reinstall as required."""

    def hold(self, names: Sequence[str], held: bool) -> None:
        """Hold the packages, or release them for upgrades of the system, unless `files` does that."""

    def removable(self, names: Sequence[str]) -> Removable:
        """Simulate the removal of these installed packages, and change nothing.

        Raises ClassroomError if the simulation fails for another reason than packages that need them.
        """

    def purge(self, names: Sequence[str]) -> Purged:
        """Remove only these packages, with their configuration."""

    def forget(self, files: Mapping[str, str]) -> None:
        """Remove cached data of removed repositories; `files` has the former content of their files by path."""


def with_checked_key(repository: Repository) -> Repository:
    """Return the repository with its key as it was parsed, in plain armour.

    Raises ClassroomError for a missing key, a text that is not only a key, and a key without one of the fingerprints
    (if there are any).
    """
    if not repository.signed_by.strip():
        raise ClassroomError(
            f"A signing key is missing: expected the public key that signs {repository.uri}, found none. Its file is "
            "empty, or the controller could not fetch it, which is a warning of this run. Make it reachable from the "
            "controller, or provide it as a file.")
    found = openpgp.fingerprints(repository.signed_by)
    allowed = ["".join(each.split()).upper() for each in repository.fingerprints]
    unknown = [each for each in found if each not in allowed]
    if allowed and unknown:
        raise ClassroomError(
            "The key of {} is not the known one: expected the fingerprint {}, found {}. Either its owner has a new "
            "key, which the page of the owner says, or the key was exchanged in transit. Nothing was changed.".format(
                repository.uri, " or ".join(allowed), ", ".join(unknown)))
    return replace(repository, signed_by=openpgp.normalized(repository.signed_by))


def read_state(root: Root, backend: Backend, spec: PackagesSpec, files: Mapping[str, str]) -> PackagesState:
    """Read the current state of the packages and of the repository's files."""
    installed, interrupted = backend.read(spec.names)
    return PackagesState(installed, {path: read_text(root(path)) for path in files}, interrupted)


def plan(spec: PackagesSpec, state: PackagesState, files: Mapping[str, str]) -> list[Change]:
    """Return the changes in the order of their dependencies: repair, repository, packages, holds."""
    steps = []
    if state.interrupted:
        steps.append(Change("packages", "of the host", "half installed", "installed",
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
    """Apply the desired state. If the repository cannot be used, its files are restored."""
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
        _restore(root, before, recorded)
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
    """Install and record the new packages; restore the files, too, if the installation fails before any change."""
    there, found = backend.names(), backend.read(spec.names)
    try:
        backend.install(versions, found[0])
    except BaseException:
        came = backend.names() - there
        if came or backend.read(spec.names) != found:
            original_state.keep(root, {"packages": dict.fromkeys(sorted(came))})
        else:
            _restore(root, before, recorded)
        raise
    # Includes new dependencies, which are known only now
    original_state.keep(root, {"packages": dict.fromkeys(sorted(backend.names() - there))})


def _former(spec: PackagesSpec, state: PackagesState, versions: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the current values of what is about to change: versions, and holds of installed packages."""
    former: dict[str, Any] = {}
    if versions:
        former["packages"] = {
            name: state.installed[name].version if name in state.installed else None for name in versions}
    holds = {name: state.installed[name].held for name in spec.pinned if name in state.installed}
    if any(held != spec.hold for held in holds.values()):
        former["holds"] = holds
    return former


def _restore(root: Root, texts: Mapping[str, str | None], recorded: Sequence[original_state.Added]) -> None:
    original_state.take_back(root, *recorded)
    for path, text in texts.items():
        if text is None:
            remove(root(path))
        else:
            write_text(root(path), text)


def _choose(backend: Backend, spec: PackagesSpec, state: PackagesState) -> dict[str, str | None]:
    """Return the exact version of every package that has to be installed, None for any version."""
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
    return "A package is not available: expected {} {}, found {} in {}. {}, or use another source.".format(
        package.name, package.version, found, repository.uri if repository else "the host's package sources",
        "Choose one of those" if offered else "Correct the name")


def _hold(backend: Backend, spec: PackagesSpec) -> None:
    """Hold or release the packages after reading them again: an installation may lift a hold or add packages."""
    installed = backend.read(spec.pinned)[0]
    wrong = [name for name in spec.pinned if name in installed and installed[name].held != spec.hold]
    if wrong:
        backend.hold(wrong, spec.hold)


def _verify(backend: Backend, spec: PackagesSpec) -> None:
    """Raise ClassroomError unless all packages are installed: package managers may report success without it."""
    installed, interrupted = backend.read(spec.names)
    wrong = [step.target for package in spec.packages for step in _plan_package(package, installed.get(package.name))]
    if wrong or interrupted:
        raise ClassroomError(
            "The installation is incomplete: expected every package completely installed, found {} after an "
            "installation without errors. Check the packages with '{}'.".format(
                ", ".join(wrong) + " not as expected" if wrong else "others half installed", backend.audit))
