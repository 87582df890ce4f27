# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disable swap that systemd would switch on at boot: swap units, those of generators, and compressed memory (zram).

The module `fstab` handles /etc/fstab. Everything else becomes a swap unit: a file that an administrator wrote, a
partition found by its type, a device of zram-generator. A drop-in for all swap units with a condition that is never
true disables them, also those of the next boot. Removing the drop-in restores the original state.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .._core.files import Root, read_text

_SYSTEM = "/etc/systemd/system"
_NAME = "50-classroom-kubeadm.conf"
DROP_IN = "# Written by the collection classroom.kubeadm: no swap on a Kubernetes node.\n" \
          "[Unit]\nConditionPathExists=!/\n"
# systemd applies the drop-ins of this directory to every unit of the type
ALL_SWAP = f"{_SYSTEM}/swap.d/{_NAME}"
_UNIT_DIRECTORIES = (
    _SYSTEM, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    "/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late",
)
# Units that set up compressed memory: zram-generator, then services of Debian, Ubuntu and former releases of Fedora
ZRAM_GENERATOR = "systemd-zram-setup@.service"
ZRAM_SERVICES = ("zramswap.service", "zram-config.service", "zram-swap.service")
_ZRAM_CONFIGS = tuple(
    directory + "/systemd/zram-generator.conf" for directory in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
_ZRAM_SECTION = re.compile(r"^\s*\[zram[0-9]+\]", re.MULTILINE)
_FROM_FSTAB = re.compile(r"^SourcePath=/etc/fstab$", re.MULTILINE)


@dataclass(frozen=True)
class Swapping:
    """Files that would switch swap on at boot, by the drop-in that disables them, and the drop-ins' current texts."""

    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)


def read_swapping(root: Root) -> Swapping:
    """Read what would switch swap on at boot."""
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
    """Return the files of swap units, except masked ones and those generated from /etc/fstab."""
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
    """Yield the configurations of zram-generator that name a device: the first file and all drop-ins."""
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
