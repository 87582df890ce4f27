# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write the whole bundle.lock.yml, and seal bundles. For the controller, which has PyYAML with Ansible."""

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
# The directory of packages of distributions, with a flat apt repository for each, such as debian-13
DISTRIBUTIONS = "os"
HEADER = """\
---
# The exact contents of this bundle. Written when it was sealed; the signature is in the file with .asc at the end.
"""


@dataclass(frozen=True)
class LockedPackage:
    """An OS package and its path in the bundle."""

    name: str
    version: str
    file: str


@dataclass(frozen=True)
class Contents:
    """The content of bundle.lock.yml.

    `key` is equal for bundles with equal inputs; `go` and `debian` describe compiler and base of a compiled bundle;
    `versions` maps the names of components to their versions; `distributions` maps a distribution (debian-13) to its
    packages for hosts without another mirror, and these to their versions.
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
        """Return the text of the file, with one entry per line."""
        content = {
            "schema": bundle_lock.SCHEMA, **asdict(self), "packages": [asdict(package) for package in self.packages],
        }
        return HEADER + str(yaml.safe_dump(content, sort_keys=False, width=4096))


def read(bundle: str) -> Contents:
    """Return the contents of a finished bundle; raise ClassroomError for an invalid lock."""
    # Rejects a file that is no lock, or one of another version
    bundle_lock.read(bundle)
    path = os.path.join(bundle, bundle_lock.NAME)
    try:
        content = dict(yaml.safe_load(read_text(path) or ""))
        del content["schema"]
        packages = tuple(LockedPackage(**package) for package in content.pop("packages"))
        contents = Contents(packages=packages, **content)
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as problem:
        raise ClassroomError(
            f"The lock {path} is invalid: expected what this version of the collection writes, found something else "
            f"({str(problem).splitlines()[0]}). Create the bundle again.") from problem
    _check(path, contents)
    return contents


def _check(path: str, contents: Contents) -> None:
    """Raise ClassroomError for values that become file names or arguments and that seal() does not write."""
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
            "bundle; get it from its maker again.".format(path, ", ".join(wrong[:5])))


def seal(directory: str, draft: Contents, secret: str, runner: Runner = run) -> Contents:
    """Turn a directory into a bundle: index and sign its repositories, lock all files, sign the lock.

    `draft` has everything except the files. The key in the file `secret` is created if it is missing. Returns the
    contents.
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
