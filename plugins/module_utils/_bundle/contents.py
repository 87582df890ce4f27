# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that bundle.lock.yml says, and the sealing that writes it. For the controller, where Ansible brings PyYAML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._core.command import Runner, run
from .._core.errors import ClassroomError
from .._core.files import read_text, write_text
from . import lock as bundle_lock
from .gpg import Keyring
from .repository import PUBLIC_KEY, make_apt, make_rpm

try:
    import yaml
except ImportError:
    HAS_YAML = False
else:
    HAS_YAML = True

ARCHITECTURES = ("amd64", "arm64")
_KEY = re.compile(r"[0-9a-f]{64}")
_DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*-[0-9]+(?:\.[0-9]+)*")
# Below it a directory for each distribution whose packages a bundle has: a flat apt repository, as debian-13
DISTRIBUTIONS = "os"
HEADER = """\
---
# What exactly is in this bundle. Written when it was sealed; its signature is beside it.
"""


@dataclass(frozen=True)
class LockedPackage:
    """An OS package and where it is in the bundle."""

    name: str
    version: str
    file: str


@dataclass(frozen=True)
class Contents:
    """The content of bundle.lock.yml.

    `key` is equal for bundles that were made of the same; `go` and `debian` say what a compiled bundle was compiled
    with and stands on; `versions` maps the names of components to their versions; `distributions` maps a distribution
    (debian-13) to the packages of it that hosts without another mirror are given, and those to their versions.
    """

    key: str
    architecture: str
    go: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[LockedPackage, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    debian: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The file as it is written, with one entry a line."""
        content = {
            "schema": bundle_lock.SCHEMA, **asdict(self), "packages": [asdict(package) for package in self.packages],
        }
        return HEADER + str(yaml.safe_dump(content, sort_keys=False, width=4096))


def read(bundle: str) -> Contents:
    """The lock of a finished bundle."""
    # Refuses what is no lock, or another version's
    bundle_lock.read(bundle)
    path = os.path.join(bundle, bundle_lock.NAME)
    try:
        content = dict(yaml.safe_load(read_text(path) or ""))
        del content["schema"]
        packages = tuple(LockedPackage(**package) for package in content.pop("packages"))
        contents = Contents(packages=packages, **content)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as problem:
        raise ClassroomError(
            f"Wanted {path} as this version of the collection writes it, found something else "
            f"({str(problem).splitlines()[0]}); make the bundle "
            "anew.") from problem
    _check(path, contents)
    return contents


def _check(path: str, contents: Contents) -> None:
    """Reject values that are used as names of files or as words of commands and are not what seal() writes."""
    wrong = [] if _KEY.fullmatch(str(contents.key)) else [f"key {contents.key!r}"]
    if contents.architecture not in ARCHITECTURES:
        wrong.append(f"architecture {contents.architecture!r}")
    wrong += [f"distribution {name!r}" for name in contents.distributions
              if not _DISTRIBUTION.fullmatch(str(name))]
    wrong += [f"file {package.file!r} of a package" for package in contents.packages
              if not bundle_lock.stays_inside(str(package.file))]
    if wrong:
        raise ClassroomError(
            "The lock {} is invalid: expected what this version of the collection writes, found {}. Do not use this "
            "bundle; take it from its maker again.".format(path, ", ".join(wrong[:5])))


def seal(directory: str, draft: Contents, secret: str, runner: Runner = run) -> Contents:
    """Make a directory of packages and images a bundle: index and sign its repositories, lock all files, sign the lock.

    `draft` says everything but the files. The key in the file `secret` is made if there is none.
    """
    with Keyring(runner) as keyring:
        key = keyring.unlock(secret)
        for family, make in (("apt", make_apt), ("rpm", make_rpm)):
            repository = os.path.join(directory, family)
            if os.path.isdir(repository):
                make(repository, keyring, key, runner)
        for name in sorted(draft.distributions):
            make_apt(os.path.join(directory, DISTRIBUTIONS, name), keyring, key, runner, upgrades=False)
        write_text(os.path.join(directory, PUBLIC_KEY), keyring.public_key(key))
        names = bundle_lock.file_names(directory)
        contents = replace(draft, files=bundle_lock.checksums(directory, names))
        path = os.path.join(directory, bundle_lock.NAME)
        write_text(path, contents.text())
        keyring.detach_sign(key, path, os.path.join(directory, bundle_lock.SIGNATURE))
    return contents
