# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bundle.lock.yml: what exactly is in a bundle, and the check that it still is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from bundle.builder.digest import sha256
from bundle.builder.errors import BundleError
from bundle.builder.oci import REFERENCE

NAME = "bundle.lock.yml"
SCHEMA = 1
HEADER = """\
---
# Written by bundle/build.py. `python bundle/build.py verify` compares every file with it.
"""


@dataclass(frozen=True)
class LockedPackage:
    """An OS package and where it is in the bundle."""

    name: str
    version: str
    file: str


@dataclass(frozen=True)
class Lock:
    """The content of bundle.lock.yml."""

    key: str
    architecture: str
    go: str
    versions: Mapping[str, str]
    packages: tuple[LockedPackage, ...]
    images: Mapping[str, str]
    debian: Mapping[str, Any]
    files: Mapping[str, str]

    def text(self) -> str:
        content = {"schema": SCHEMA, **asdict(self), "packages": [asdict(package) for package in self.packages]}
        return HEADER + yaml.safe_dump(content, sort_keys=False, width=160)


@dataclass(frozen=True)
class Problem:
    """One thing in a bundle that is not as locked."""

    name: str
    wanted: str
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: wanted {self.wanted}, found {self.found}: {self.advice}"


def checksums(bundle: Path) -> dict[str, str]:
    """sha256 of every file but the lock itself, by its path in the bundle."""
    files = sorted(path for path in bundle.rglob("*") if path.is_file() and path != bundle / NAME)
    return {str(path.relative_to(bundle)): sha256(path) for path in files}


def read(bundle: Path) -> Lock:
    """The lock of a finished bundle."""
    path = bundle / NAME
    if not path.is_file():
        raise BundleError(f"a bundle in {bundle}", f"no {NAME}", "build it: python bundle/build.py build")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
        raise BundleError(f"{path} of schema {SCHEMA}", "another one", "build the bundle anew with this checkout")
    packages = tuple(LockedPackage(**package) for package in content.pop("packages"))
    return Lock(packages=packages, **content)


def verify(bundle: Path) -> list[Problem]:
    """Everything that differs from the lock; nothing when the bundle is as it was built."""
    lock = read(bundle)
    found = checksums(bundle)
    problems = [_compare(name, wanted, found.get(name)) for name, wanted in lock.files.items()]
    extra = [
        Problem(name, "no such file", "a file that the lock does not know", "remove it")
        for name in sorted(set(found) - set(lock.files))
    ]
    return [problem for problem in problems if problem] + extra + _image_problems(bundle, lock)


def _compare(name: str, wanted: str, found: str | None) -> Problem | None:
    if found == wanted:
        return None
    return Problem(
        name,
        f"sha256 {wanted}",
        f"sha256 {found}" if found else "no such file",
        "copy it again from where it came, or remove the bundle and build it anew",
    )


def _image_problems(bundle: Path, lock: Lock) -> list[Problem]:
    """The index names the images: it must name exactly those in the lock, with their digests."""
    index = bundle / "oci" / "index.json"
    if not index.is_file():
        return []  # already told as a missing file
    manifests = json.loads(index.read_text(encoding="utf-8"))["manifests"]
    found = {manifest["annotations"][REFERENCE]: manifest["digest"] for manifest in manifests}
    return [
        Problem(name, lock.images.get(name, "no such image"), found.get(name, "no such image"), "build the bundle anew")
        for name in sorted({*found, *lock.images})
        if found.get(name) != lock.images.get(name)
    ]
