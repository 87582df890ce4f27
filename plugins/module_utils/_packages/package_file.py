# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the description and content of a package file with the tools of its family."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError

APT, RPM = "apt", "rpm"
# Tool and the Debian package that has it
TOOLS: Mapping[str, Mapping[str, str]] = {APT: {"dpkg-deb": "dpkg"}, RPM: {"rpm": "rpm"}}
# The architecture names of Go, Debian and image manifests, and those of the RPM family
ARCHITECTURES: Mapping[str, str] = {"amd64": "x86_64", "arm64": "aarch64"}

_TIMEOUT = 600.0
_DEB = ["dpkg-deb", "--show", "--showformat=${Package}\\t${Version}\\t${Architecture}\\n"]
_RPM = [
    "rpm", "--query", "--package", "--nosignature",
    "--queryformat=%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n",
]


def machine_architecture() -> str:
    """Return the architecture of this host in the form amd64 or arm64."""
    found = os.uname().machine
    return {rpm: name for name, rpm in ARCHITECTURES.items()}.get(found, found)


@dataclass(frozen=True)
class PackageFile:
    """A package file: `family` is apt or rpm, `version` the whole version of the packager, `path` that of the file."""

    family: str
    name: str
    version: str
    architecture: str
    path: str

    @property
    def target(self) -> str:
        """Return the path in a bundle, with the file name of the family, which has no epoch."""
        version = self.version.rpartition(":")[2]
        form = "{0}/pool/{1}_{2}_{3}.deb" if self.family == APT else "{0}/pool/{1}-{2}.{3}.rpm"
        return form.format(self.family, self.name, version, self.architecture)

    def fits(self, architecture: str) -> bool:
        """Return whether hosts of this architecture (amd64, arm64) can install the package."""
        return self.architecture in ("all", "noarch", architecture, ARCHITECTURES.get(architecture))


def read(path: str, runner: Runner = run) -> PackageFile:
    """Read the description of a package file; raise ClassroomError for a file that is no package of either family."""
    family = {".deb": APT, ".rpm": RPM}.get(os.path.splitext(path)[1])
    if family is None:
        raise ClassroomError(
            f"{path} is not a package: expected a file name that ends in .deb or .rpm, found another one. Correct the "
            "name.")
    if not os.path.isfile(path):
        raise ClassroomError(f"A package is missing: expected {path}, found no such file. Correct the name.")
    answer = runner([*(_DEB if family == APT else _RPM), path], check=False)
    fields = answer.out.splitlines()[0].split("\t") if answer.rc == 0 and answer.out else []
    if len(fields) != 3:
        raise ClassroomError(
            "{} is not a package: expected a package file, found one that {} cannot read. Fetch it again. It said: "
            "{}".format(
                path, "dpkg-deb" if family == APT else "rpm", answer.text))
    return PackageFile(family, fields[0], fields[1], fields[2], path)


def unpacking_tools(path: str) -> Mapping[str, str]:
    """Return the programs that `unpack` needs for this package, with their Debian packages."""
    return {"rpm2cpio": "rpm2cpio", "rpmkeys": "rpm", "cpio": "cpio"} if path.endswith(".rpm") else TOOLS[APT]


def unpack(path: str, member: str, work: str, runner: Runner = run) -> str:
    """Extract the file `member` of a package into the directory `work` and return its path there.

    Raises ClassroomError for a damaged package and for a package without that file.
    """
    package = read(path, runner)
    if package.family == APT:
        answer = runner(["dpkg-deb", "--extract", path, work], timeout=_TIMEOUT, check=False)
    else:
        # Verified before, because rpm2cpio also fails for good packages that were not built by rpmbuild
        answer = runner(["rpmkeys", "--checksig", "--nosignature", path], timeout=_TIMEOUT, check=False)
        if answer.rc != 0:
            raise ClassroomError(
                f"The package {path} is damaged: expected correct checksums, found others. Fetch it again. "
                f"{answer.text}")
        # Packages may have absolute file names, to which cpio would write by default. The script is constant: all
        # names are arguments.
        script = (
            'rpm2cpio "$1" | cpio --extract --make-directories --no-absolute-filenames --quiet '
            '--directory="$2" "$3" ".$3" "${3#/}"')
        answer = runner(["sh", "-c", script, "unpack", path, work, member], timeout=_TIMEOUT, check=False)
    found = os.path.join(work, member.lstrip("/"))
    if answer.rc != 0 or not os.path.isfile(found):
        raise ClassroomError(f"A file is missing in the package {path}: expected {member}, found none there. Correct "
                             f"the name. {answer.text}".strip())
    return found


def unsigned_rpms(files: list[str], public: str, work: str, runner: Runner = run) -> list[str]:
    """Return the packages among `files` without a good signature by the keys in the file `public`.

    A damaged package counts as one of them. `work` is a directory for a database of keys.
    """
    database = os.path.join(work, "rpm-keys")
    run_tool("Cannot import the key in " + public, ["rpmkeys", "--dbpath", database, "--import", public], runner)
    # This level rejects packages without any signature, too
    check = ["rpmkeys", "--dbpath", database, "--define", "_pkgverify_level all", "--checksig"]
    return [path for path in files if runner([*check, path], timeout=_TIMEOUT, check=False).rc != 0]


def run_tool(problem: str, argv: list[str], runner: Runner) -> Completed:
    """Run a tool and return its result; raise ClassroomError that begins with `problem` if it fails."""
    answer = runner(argv, timeout=_TIMEOUT, check=False)
    if answer.rc != 0:
        raise ClassroomError("{}: expected '{}' to succeed, found that it ended with {}: {}".format(
            problem, " ".join(argv), answer.rc, answer.text))
    return answer
