# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The distribution of a host, from os-release(5) and /etc/redhat-release, and what is known about its support."""

from __future__ import annotations

from dataclasses import dataclass

from .files import Root, read_text

# RHEL and its rebuilds have this file; Ansible reads it first, too. They may have dpkg, and other systems rpm
REDHAT = "/etc/redhat-release"
OS_RELEASE = "/etc/os-release"

# What was done with a distribution: a whole class was installed on it, or everything that would be written and run
# there was compared as text with the documentation of the projects, or neither. This is the only list: unit tests
# compare the metadata of the roles and the README with it.
TESTED = "tested"
RENDERED = "rendered and compared"
EXPECTED = "expected"


@dataclass(frozen=True)
class Supported:
    """A version of a distribution that was tested, or rendered and compared.

    `names` are those of Distribution.name; `platform` is its name and version in the metadata of a role.
    """

    level: str
    title: str
    names: tuple[str, ...]
    version: str
    platform: tuple[str, str]


_EL = "RHEL, Rocky Linux, AlmaLinux and CentOS Stream"
_EL_NAMES = ("rhel", "rocky", "almalinux", "centos")
SUPPORTED = (
    Supported(TESTED, "Debian", ("debian",), "13", ("Debian", "trixie")),
    Supported(RENDERED, "Debian", ("debian",), "12", ("Debian", "bookworm")),
    Supported(RENDERED, "Ubuntu", ("ubuntu",), "26.04", ("Ubuntu", "resolute")),
    Supported(RENDERED, "Ubuntu", ("ubuntu",), "24.04", ("Ubuntu", "noble")),
    Supported(RENDERED, "Ubuntu", ("ubuntu",), "22.04", ("Ubuntu", "jammy")),
    Supported(RENDERED, _EL, _EL_NAMES, "10", ("EL", "10")),
    Supported(RENDERED, _EL, _EL_NAMES, "9", ("EL", "9")),
    Supported(RENDERED, "Fedora", ("fedora",), "44", ("Fedora", "44")),
    Supported(RENDERED, "Fedora", ("fedora",), "43", ("Fedora", "43")),
)


@dataclass(frozen=True)
class Distribution:
    """A distribution: its family (debian, redhat or other), its name in lower case, its version and its code name."""

    family: str
    name: str
    version: str
    codename: str

    @property
    def label(self) -> str:
        """Return name and version as in the directories of a bundle, such as debian-13."""
        return f"{self.name}-{self.version}"


def read_distribution(root: Root) -> Distribution:
    """Return the distribution of the host. Like Ansible, trust /etc/redhat-release first."""
    redhat = read_text(root(REDHAT))
    if redhat:
        name, *rest = redhat.strip().lower().split(" release ")
        short = "rhel" if name.startswith("red hat") else name.split()[0]
        return Distribution("redhat", short, rest[0].split()[0] if rest else "", "")
    pairs = (line.split("=", 1) for line in (read_text(root(OS_RELEASE)) or "").splitlines() if "=" in line)
    release = {key: value.strip("\"'") for key, value in pairs}
    likes = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return Distribution(
        "debian" if "debian" in likes else "other", release.get("ID", "unknown"), release.get("VERSION_ID", ""),
        release.get("VERSION_CODENAME", ""))


def support_of(name: str, version: str) -> str:
    """Return what was done with a distribution; a minor version, as of 9.6, counts as its major version."""
    for each in SUPPORTED:
        if name in each.names and (version == each.version or version.startswith(each.version + ".")):
            return each.level
    return EXPECTED


def titles(level: str) -> str:
    """Return the distributions of a level as text, each with all of its versions."""
    found: dict[str, list[str]] = {}
    for each in SUPPORTED:
        if each.level == level:
            found.setdefault(each.title, []).append(each.version)
    return "; ".join(f"{title} {', '.join(versions)}" for title, versions in found.items())
