# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check before any change whether a host of the Debian family can get the packages of its distribution."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._core.files import Root, read_text
from .apt import STATUS

_FILES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
# A line of either format that describes a source: deb [options] URI suite, or URIs: URI
_SOURCE = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s*)?|URIs:\s*)(\S+)", re.MULTILINE)
_STANZA = re.compile(r"^Package: (\S+)\n(?:\S.*\n|\s.*\n)*?Status: \S+ \S+ installed$", re.MULTILINE)


@dataclass(frozen=True)
class BundlePackages:
    """The offer of a bundle: `distributions` such as debian-13, and `names` of packages that the role needs."""

    distributions: tuple[str, ...]
    names: tuple[str, ...]


def problem(root: Root, offer: BundlePackages, distribution: str, version: str) -> str:
    """Return a message if packages are missing and no source can have them, otherwise an empty text.

    `distribution` and `version` are those of os-release. A mirror in the sources of the host counts as one that has
    them: whether it is reachable is checked when the packages are installed.
    """
    own = f"{distribution}-{version}"
    if own in offer.distributions:
        return ""
    installed = set(_STANZA.findall(read_text(root(STATUS)) or ""))
    missing = [name for name in offer.names if name not in installed]
    if not missing or _has_mirror(root):
        return ""
    return (
        "Packages of the distribution are missing: expected {} installed, in the bundle or in a mirror, found a "
        "bundle for {} only and no package source in /etc/apt. Make the bundle for {}, too, or add a mirror.".format(
            ", ".join(missing), " and ".join(offer.distributions) or "no distribution", own))


def _has_mirror(root: Root) -> bool:
    """Return whether a source is configured that this collection did not write."""
    paths: Sequence[str] = [path for pattern in _FILES for path in sorted(glob.glob(root(pattern)))]
    return any(
        _SOURCE.search(read_text(path) or "") for path in paths if not path.endswith("/classroom-kubeadm.sources"))
