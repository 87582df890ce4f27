# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package file says of itself, asked of its family's own tool."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError

APT, RPM = "apt", "rpm"
# Tool and the Debian package that has it
TOOLS: Mapping[str, Mapping[str, str]] = {APT: {"dpkg-deb": "dpkg"}, RPM: {"rpm": "rpm"}}
# The names that Go, Debian and the images' manifests have for an architecture, and those of the RPM family
ARCHITECTURES: Mapping[str, str] = {"amd64": "x86_64", "arm64": "aarch64"}

_TIMEOUT = 600.0
_DEB = ["dpkg-deb", "--show", "--showformat=${Package}\\t${Version}\\t${Architecture}\\n"]
_RPM = [
    "rpm", "--query", "--package", "--nosignature",
    "--queryformat=%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n",
]


def machine_architecture() -> str:
    """amd64 or arm64, for the machine that this runs on."""
    found = os.uname().machine
    return {rpm: name for name, rpm in ARCHITECTURES.items()}.get(found, found)


@dataclass(frozen=True)
class PackageFile:
    """A package file: `family` is apt or rpm, `version` the packager's whole one, `path` where the file is."""

    family: str
    name: str
    version: str
    architecture: str
    path: str

    @property
    def target(self) -> str:
        """Its path in a bundle, named as the family names package files: without the epoch."""
        version = self.version.rpartition(":")[2]
        form = "{0}/pool/{1}_{2}_{3}.deb" if self.family == APT else "{0}/pool/{1}-{2}.{3}.rpm"
        return form.format(self.family, self.name, version, self.architecture)

    def fits(self, architecture: str) -> bool:
        """Whether machines of this architecture (amd64, arm64) can install it."""
        return self.architecture in ("all", "noarch", architecture, ARCHITECTURES.get(architecture))


def read(path: str, runner: Runner = run) -> PackageFile:
    """Raises ClassroomError for a file that is no package of either family."""
    family = {".deb": APT, ".rpm": RPM}.get(os.path.splitext(path)[1])
    if family is None:
        raise ClassroomError(
            f"Wanted packages in files that end in .deb or .rpm, found {path}; name a package's file.")
    if not os.path.isfile(path):
        raise ClassroomError(f"Wanted the package {path}, found no such file; correct the name.")
    answer = runner([*(_DEB if family == APT else _RPM), path], check=False)
    fields = answer.out.splitlines()[0].split("\t") if answer.rc == 0 and answer.out else []
    if len(fields) != 3:
        raise ClassroomError(
            "Wanted a package in {}, found a file that {} cannot read; fetch it again. It said: {}".format(
                path, "dpkg-deb" if family == APT else "rpm", answer.text))
    return PackageFile(family, fields[0], fields[1], fields[2], path)


def unpacking_tools(path: str) -> Mapping[str, str]:
    """What `unpack` needs for this package."""
    return {"rpm2cpio": "rpm2cpio", "rpmkeys": "rpm", "cpio": "cpio"} if path.endswith(".rpm") else TOOLS[APT]


def unpack(path: str, member: str, work: str, runner: Runner = run) -> str:
    """Take a file out of a package, into the directory `work`; its path there."""
    package = read(path, runner)
    if package.family == APT:
        answer = runner(["dpkg-deb", "--extract", path, work], timeout=_TIMEOUT, check=False)
    else:
        # Whether it is whole is asked before: rpm2cpio also fails for good packages of other makers than rpmbuild
        answer = runner(["rpmkeys", "--checksig", "--nosignature", path], timeout=_TIMEOUT, check=False)
        if answer.rc != 0:
            raise ClassroomError(f"Wanted a whole package in {path}, found a damaged one; fetch it again. "
                                 f"{answer.text}")
        # Packages may name their files from the root, where cpio would put them without being told otherwise.
        # Two programs of which one writes what the other reads; all names are arguments, not words of the script.
        script = (
            'rpm2cpio "$1" | cpio --extract --make-directories --no-absolute-filenames --quiet '
            '--directory="$2" "$3" ".$3" "${3#/}"')
        answer = runner(["sh", "-c", script, "unpack", path, work, member], timeout=_TIMEOUT, check=False)
    found = os.path.join(work, member.lstrip("/"))
    if answer.rc != 0 or not os.path.isfile(found):
        raise ClassroomError(f"Wanted {member} in the package {path}, found none there; correct the name. "
                             f"{answer.text}".strip())
    return found


def unsigned_rpms(files: list[str], public: str, work: str, runner: Runner = run) -> list[str]:
    """The packages among `files` without a good signature by the keys in `public`; `work` is for a database of keys.

    A package that is damaged counts as one of them.
    """
    database = os.path.join(work, "rpm-keys")
    run_tool("rpm to know the key in " + public, ["rpmkeys", "--dbpath", database, "--import", public], runner)
    # At this level a package without any signature does not pass either
    check = ["rpmkeys", "--dbpath", database, "--define", "_pkgverify_level all", "--checksig"]
    return [path for path in files if runner([*check, path], timeout=_TIMEOUT, check=False).rc != 0]


def run_tool(what: str, argv: list[str], runner: Runner) -> Completed:
    answer = runner(argv, timeout=_TIMEOUT, check=False)
    if answer.rc != 0:
        raise ClassroomError("Wanted {}, found that '{}' ended with {}: {}".format(
            what, " ".join(argv), answer.rc, answer.text))
    return answer
