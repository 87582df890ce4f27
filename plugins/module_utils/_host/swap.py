# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Swap that systemd would switch on at boot: units of its own, of its generators, and compressed memory (zram).

/etc/fstab is somebody else's (`fstab`). All the rest becomes a swap unit in the end, whoever makes it: a file that an
administrator wrote, a partition found by its type, a device of zram-generator. A drop-in for the whole type of units
with a condition that is never true holds for them all, also for those of the next boot, and going back is to remove it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .._core.files import Root, read_text

_SYSTEM = "/etc/systemd/system"
_NAME = "50-classroom-kubeadm.conf"
DROP_IN = "# Written by the collection classroom.kubeadm: no swap on a machine of Kubernetes.\n" \
          "[Unit]\nConditionPathExists=!/\n"
# systemd takes the drop-ins of this directory for every unit of the type
ALL_SWAP = f"{_SYSTEM}/swap.d/{_NAME}"
_UNIT_DIRECTORIES = (
    _SYSTEM, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    "/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late",
)
# Who sets compressed memory up: zram-generator, then services of Debian, Ubuntu and former releases of Fedora
ZRAM_GENERATOR = "systemd-zram-setup@.service"
ZRAM_SERVICES = ("zramswap.service", "zram-config.service", "zram-swap.service")
_ZRAM_CONFIGS = tuple(
    directory + "/systemd/zram-generator.conf" for directory in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
_ZRAM_SECTION = re.compile(r"^\s*\[zram[0-9]+\]", re.MULTILINE)
_FROM_FSTAB = re.compile(r"^SourcePath=/etc/fstab$", re.MULTILINE)


@dataclass(frozen=True)
class Swapping:
    """What would switch swap on at boot, by its drop-in: the paths in whose way that stands, and its text."""

    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)


def read_swapping(root: Root) -> Swapping:
    units, services = _units(root), _services(root)
    zram = tuple(_zram_configs(root))
    causes = {}
    if units or zram:
        causes[ALL_SWAP] = (*units, *zram)
    if zram:
        causes[_drop_in(ZRAM_GENERATOR)] = zram
    for path in services:
        causes[_drop_in(os.path.basename(path))] = (path,)
    return Swapping(causes, {path: read_text(root(path)) for path in causes})


def _drop_in(unit: str) -> str:
    return f"{_SYSTEM}/{unit}.d/{_NAME}"


def _units(root: Root) -> tuple[str, ...]:
    """Files of swap units, masked ones and those of the lines of /etc/fstab excepted."""
    found: dict[str, str] = {}
    for directory in _UNIT_DIRECTORIES:
        for name in _names(root(directory)):
            if name.endswith(".swap"):
                found.setdefault(name, directory + "/" + name)
    return tuple(path for path in found.values() if _counts(root(path)))


def _counts(path: str) -> bool:
    text = "" if _is_masked(path) else read_text(path) or ""
    return bool(text.strip()) and not _FROM_FSTAB.search(text)


def _services(root: Root) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for directory in _UNIT_DIRECTORIES:
        for name in ZRAM_SERVICES:
            if os.path.lexists(root(directory + "/" + name)):
                found.setdefault(name, directory + "/" + name)
    return tuple(path for path in found.values() if not _is_masked(root(path)))


def _zram_configs(root: Root) -> Iterator[str]:
    """The configurations of zram-generator that name a device: of the files the first one, and all drop-ins."""
    candidates = [path for path in _ZRAM_CONFIGS if os.path.exists(root(path))][:1]
    for path in _ZRAM_CONFIGS:
        candidates += [f"{path}.d/{name}" for name in _names(root(path + ".d")) if name.endswith(".conf")]
    for path in candidates:
        if not _is_masked(root(path)) and _ZRAM_SECTION.search(read_text(root(path)) or ""):
            yield path


def _is_masked(path: str) -> bool:
    return os.path.islink(path) and os.readlink(path) == os.devnull


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
