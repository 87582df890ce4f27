# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The distribution of a host, from os-release(5) and /etc/redhat-release."""

from __future__ import annotations

from dataclasses import dataclass

from .files import Root, read_text

# RHEL and its rebuilds have this file; Ansible reads it first, too. They may have dpkg, and other systems rpm
REDHAT = "/etc/redhat-release"
OS_RELEASE = "/etc/os-release"


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
