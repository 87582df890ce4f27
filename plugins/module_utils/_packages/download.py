# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Download packages of exact versions with the tools of apt or dnf, independently of the configuration of this host.

Sources, keys, lists and caches are in a temporary directory; those of the host are neither read nor changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError
from .._core.files import Root, checksum_of, write_text
from .apt import Apt
from .apt import explained as apt_explained
from .dnf import Dnf
from .dnf import explained as dnf_explained
from .package_file import APT, ARCHITECTURES, RPM, unsigned_rpms
from .plan import Package, PackagesSpec, Repository, with_checked_key

# Tool and the Debian package that has it
TOOLS: Mapping[str, Mapping[str, str]] = {
    APT: {"apt-get": "apt", "apt-cache": "apt"},
    RPM: {"dnf": "dnf and dnf-plugins-core", "rpmkeys": "rpm"},
}
_TIMEOUT = 3600.0
# apt's and dnf's words for a file that a server lists and does not have
_NOT_FOUND = re.compile(r"Failed to fetch .* 404 |Status code: 404 for ")
_URI = re.compile(r"^'[^']+' (\S+) (\d+) (SHA256|SHA512):([0-9a-f]+)$", re.MULTILINE)
_APT_CONFIGURATION = """\
Dir "{root}";
Dir::Etc "etc/apt";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{root}/etc/apt/apt.conf.d";
Dir::Etc::trustedparts "{root}/etc/apt/trusted.gpg.d";
Dir::State "var/lib/apt";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Cache "var/cache/apt";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
// The user whom apt would switch to cannot read a private directory
APT::Sandbox::User "root";
"""
_APT_DIRECTORIES = (
    "etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
)
_DNF_CONFIGURATION = """\
[main]
reposdir={root}/etc/yum.repos.d
varsdir={root}/etc/dnf/vars
cachedir={root}/cache
persistdir={root}/persist
logdir={root}/log
gpgcheck=1
skip_if_unavailable=0
retries=3
"""


@dataclass(frozen=True)
class Found:
    """A package in a repository, with its whole version.

    `file` is the name of its file, `size` is in bytes; `algorithm` and `checksum` are empty if the lists lack them.
    """

    repository: Repository
    name: str
    version: str
    file: str
    size: int
    algorithm: str = ""
    checksum: str = ""

    def is_in(self, directory: str) -> bool:
        """Return whether the file exists in a directory; its content was verified when it was downloaded."""
        path = os.path.join(directory, self.file)
        if not os.path.isfile(path) or os.path.getsize(path) != self.size:
            return False
        return not self.checksum or checksum_of(path, self.algorithm) == self.checksum


class Downloader(Protocol):
    """The interface to the download tools of a package family. All methods raise ClassroomError."""

    def describe(self, repositories: Sequence[Repository]) -> None:
        """Write the configuration of the repositories."""

    def offered(self, repository: Repository, names: Sequence[str]) -> Mapping[str, list[str]]:
        """Return the versions of each package in a repository, the newest first."""

    def find(self, repository: Repository, name: str, version: str) -> Found:
        """Return the file of a package of a whole version."""

    def fetch(self, found: Sequence[Found], target: str) -> None:
        """Download the packages into the directory `target` and verify them with the key of the repository."""


class AptDownloader:
    """A Downloader that uses apt-get with a separate configuration, which names all paths."""

    def __init__(self, root: str, architecture: str, runner: Runner = run) -> None:
        self._root = root
        self._runner = runner
        self._configuration = os.path.join(root, "apt.conf")
        for part in _APT_DIRECTORIES:
            os.makedirs(os.path.join(root, part))
        write_text(os.path.join(root, "var/lib/dpkg/status"), "")
        write_text(self._configuration, _APT_CONFIGURATION.format(root=root, architecture=architecture))

    def describe(self, repositories: Sequence[Repository]) -> None:
        for repository in repositories:
            for path, text in Apt(Root(self._root), self._run).files(PackagesSpec((), repository)).items():
                write_text(self._root + path, text.replace("Signed-By: ", "Signed-By: " + self._root))

    def offered(self, repository: Repository, names: Sequence[str]) -> Mapping[str, list[str]]:
        source = f"{self._root}/etc/apt/sources.list.d/{repository.name}.sources"
        only = ["--option=Dir::Etc::sourcelist=" + source, "--option=Dir::Etc::sourceparts=-",
                "--option=APT::Get::List-Cleanup=0"]
        self._do(repository, ["apt-get", "--quiet", *only, "update"])
        answer = self._run(["apt-cache", *only, "madison", *names], timeout=_TIMEOUT, check=False)
        offered: dict[str, list[str]] = {}
        for line in answer.out.splitlines():
            name, version = (word.strip() for word in line.split("|")[:2])
            offered.setdefault(name, []).append(version)
        return offered

    def find(self, repository: Repository, name: str, version: str) -> Found:
        wanted = f"{name}={version}"
        answer = self._do(repository, ["apt-get", "--quiet", "--print-uris", "download", wanted])
        said = _URI.search(answer.out)
        if said is None:
            raise ClassroomError(
                f"The package {wanted} cannot be downloaded: expected apt to print its address and checksum, found "
                f"'{answer.text}'. Check the repository.")
        return Found(repository, name, version, said.group(1), int(said.group(2)), said.group(3).lower(), said.group(4))

    def fetch(self, found: Sequence[Found], target: str) -> None:
        wanted = [f"{each.name}={each.version}" for each in found]
        answer = self._run(["env", "--chdir=" + target, "apt-get", "--quiet", "download", *wanted],
                           timeout=_TIMEOUT, check=False)
        if answer.rc != 0:
            raise _not_served(found, answer) or apt_explained(answer, found[0].repository)

    def _do(self, repository: Repository, argv: list[str]) -> Completed:
        answer = self._run(argv, timeout=_TIMEOUT, check=False)
        if answer.rc != 0:
            raise apt_explained(answer, repository)
        return answer

    def _run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        return self._runner(
            argv, stdin=stdin, timeout=timeout, check=check, env={**(env or {}), "APT_CONFIG": self._configuration})


class DnfDownloader:
    """A Downloader that uses dnf 4 with an empty installation root, so that it reads no database of this host."""

    def __init__(self, root: str, architecture: str, runner: Runner = run) -> None:
        self._root = root
        self._runner = runner
        self._architecture = ARCHITECTURES.get(architecture, architecture)
        self._configuration = os.path.join(root, "dnf.conf")
        os.makedirs(os.path.join(root, "root"))
        os.makedirs(os.path.join(root, "etc/dnf/vars"))
        write_text(self._configuration, _DNF_CONFIGURATION.format(root=root))

    def describe(self, repositories: Sequence[Repository]) -> None:
        for repository in repositories:
            for path, text in Dnf(Root(self._root),
                                  self._runner).files(PackagesSpec((), repository, hold=False)).items():
                write_text(self._root + path, text.replace("gpgkey=file://", "gpgkey=file://" + self._root))

    def offered(self, repository: Repository, names: Sequence[str]) -> Mapping[str, list[str]]:
        answer = self._do(
            repository, "repoquery", "--showduplicates", "--queryformat=%{name}\\t%{evr}\\t%{arch}\\n", *names)
        offered: dict[str, list[str]] = {}
        for line in answer.out.splitlines():
            fields = line.split("\t")
            if len(fields) == 3 and fields[2] in (self._architecture, "noarch"):
                offered.setdefault(fields[0], []).insert(0, fields[1])
        return offered

    def find(self, repository: Repository, name: str, version: str) -> Found:
        wanted = f"{name}-{version}"
        form = "--queryformat=%{name}-%{version}-%{release}.%{arch}.rpm\\t%{downloadsize}\\n"
        answer = self._do(repository, "repoquery", form, wanted)
        fields = [line.split("\t") for line in answer.out.splitlines() if line.count("\t") == 1]
        if not fields:
            raise ClassroomError(
                f"The package {wanted} cannot be downloaded: expected dnf to print its file, found '{answer.text}'. "
                "Check the repository.")
        return Found(repository, name, version, fields[-1][0], int(fields[-1][1]))

    def fetch(self, found: Sequence[Found], target: str) -> None:
        for repository in {each.repository.name: each.repository for each in found}.values():
            own = [each for each in found if each.repository.name == repository.name]
            # Not quiet, because dnf would be so about the reason of a failure, too
            answer = self._answer(
                repository, "download", "--destdir=" + target, *(f"{each.name}-{each.version}" for each in own))
            if answer.rc != 0:
                raise _not_served(own, answer) or dnf_explained(answer, repository)
            self._check(repository, [os.path.join(target, each.file) for each in own])

    def _check(self, repository: Repository, files: list[str]) -> None:
        """Verify the signatures of the packages, since `dnf download` does not."""
        key = os.path.join(self._root, repository.name + ".asc")
        write_text(key, repository.signed_by)
        wrong = unsigned_rpms(files, key, os.path.join(self._root, "keys-" + repository.name), self._runner)
        if wrong:
            raise ClassroomError(
                "The signature check failed: expected the packages of {} signed with the given key, found others: {}. "
                "Correct the key, or do not use this source.".format(
                    repository.uri, ", ".join(os.path.basename(path) for path in wrong)))

    def _do(self, repository: Repository, verb: str, *arguments: str) -> Completed:
        answer = self._answer(repository, "--quiet", verb, *arguments)
        if answer.rc != 0:
            raise dnf_explained(answer, repository)
        return answer

    def _answer(self, repository: Repository, *arguments: str) -> Completed:
        # Other plugins use other directories; one keeps a copy of every package in /var/lib
        plugins = ["--disableplugin=*", "--enableplugin=download"]
        return self._runner(
            ["dnf", "--config", self._configuration, "--installroot", self._root + "/root", "--releasever=9", *plugins,
             "--forcearch=" + self._architecture, "--repo=" + repository.name, "--assumeyes", *arguments],
            timeout=_TIMEOUT, check=False)


def _not_served(found: Sequence[Found], answer: Completed) -> ClassroomError | None:
    """Return an error that names packages whose files the server lacks, None if that is not what the tool reports."""
    words = "\n".join(line for line in (answer.out + answer.err).splitlines() if _NOT_FOUND.search(line))
    if not words:
        return None
    lacking = [each for each in found if each.file in words] or found
    return ClassroomError(
        "A package cannot be downloaded: expected {} from {}, which lists {}, found that the server has no such file. "
        "Its copy is incomplete: try again later, or use another mirror. No bundle was created.".format(
            ", ".join(each.file for each in lacking),
            " and ".join(dict.fromkeys(each.repository.uri for each in lacking)),
            "it" if len(lacking) == 1 else "them"))


def find(downloader: Downloader, repositories: Sequence[Repository], packages: Sequence[Package]) -> list[Found]:
    """Return the newest matching version of every package, from the first repository that has one.

    Raises ClassroomError that names all packages that are not available, with their available versions.
    """
    repositories = [with_checked_key(repository) for repository in repositories]
    downloader.describe(repositories)
    names = [package.name for package in packages]
    offered = [(repository, downloader.offered(repository, names)) for repository in repositories]
    found, failures = [], []
    for package in packages:
        fitting = [
            (repository, version) for repository, versions in offered
            for version in versions.get(package.name, ()) if package.accepts(_plain(package, version))
        ]
        if fitting:
            found.append(downloader.find(fitting[0][0], package.name, fitting[0][1]))
        else:
            others = [version for _repository, versions in offered for version in versions.get(package.name, ())]
            failures.append(_lacks(package, repositories, others))
    if failures:
        raise ClassroomError(" ".join(failures))
    return found


def _plain(package: Package, version: str) -> str:
    """Return the version without its epoch if the desired version has none: that of Docker is not known to users."""
    return version if ":" in (package.version or "") else version.rpartition(":")[2]


def _lacks(package: Package, repositories: Sequence[Repository], others: Sequence[str]) -> str:
    return "A package is not available: expected {} {}, found {} in {}. {}".format(
        package.name, package.version or "of any version", ", ".join(others[:10]) or "no package of that name",
        " and ".join(repository.uri for repository in repositories),
        "Choose one of those versions." if others else "Correct the name, or add the repository that has it.")
