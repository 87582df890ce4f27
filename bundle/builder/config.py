# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declarations in bundle/*.yml as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bundle.builder.errors import BundleError


@dataclass(frozen=True)
class Package:
    """An OS package: the component whose version it has, and the revision of its packaging."""

    name: str
    module: str
    version: str
    revision: str

    @property
    def full_version(self) -> str:
        return f"{self.version}-{self.revision}"


@dataclass(frozen=True)
class Versions:
    """The content of versions.yml."""

    go_minimum: str
    go_toolchain: str
    modules: Mapping[str, str]
    pins: Mapping[str, Mapping[str, str]]
    packages: Mapping[str, Package]
    images: Mapping[str, str]
    debian: str


@dataclass(frozen=True)
class Module:
    """A directory of bundle/go: its programs, and how they are linked."""

    name: str
    module: str
    version: str
    programs: Mapping[str, str]
    staging: str = ""
    cgo: bool = False
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()

    def linker_flags(self) -> str:
        """Return the linker flags: stripped, and with the version if the program prints one."""
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        words = [flag.format(version=self.version, major=major, minor=minor) for flag in self.ldflags]
        return " ".join(["-s", "-w", *words])


@dataclass(frozen=True)
class Base:
    """A layer of several images: literal files, or Debian packages."""

    name: str
    files: Mapping[str, str]
    copies: Mapping[str, str]
    directories: Mapping[str, int]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """An image without its tag."""

    repository: str
    base: str
    files: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str


@dataclass(frozen=True)
class Distribution:
    """A distribution of hosts: the packages in its images, and those that the bundle adds."""

    name: str
    suite: str
    present: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """All declarations of a source directory."""

    source: Path
    versions: Versions
    modules: Mapping[str, Module]
    bases: Mapping[str, Base]
    images: Mapping[str, Image]
    distributions: Mapping[str, Distribution]


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file whose top level is a mapping."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise BundleError(f"a mapping in {path}", type(content).__name__, "correct the file")
    return content


def load(source: Path) -> Recipe:
    """Return everything that is declared below a source directory."""
    versions = _versions(load_yaml(source / "versions.yml"))
    images = load_yaml(source / "images.yml")
    return Recipe(
        source=source,
        versions=versions,
        modules=_modules(load_yaml(source / "programs.yml"), versions),
        bases={name: _base(name, fields) for name, fields in images["bases"].items()},
        images={name: _image(name, fields) for name, fields in images["images"].items()},
        distributions={
            name: Distribution(name, fields["suite"], tuple(fields["present"]), tuple(fields["packages"]))
            for name, fields in load_yaml(source / "distributions.yml").items()
        },
    )


def _versions(content: Mapping[str, Any]) -> Versions:
    modules = content["modules"]
    return Versions(
        go_minimum=content["go"]["minimum"],
        go_toolchain=content["go"]["toolchain"],
        modules=modules,
        pins=content["pins"],
        packages={name: _package(name, fields, modules) for name, fields in content["packages"].items()},
        images=content["images"],
        debian=content["debian"],
    )


def _package(name: str, fields: Mapping[str, str], modules: Mapping[str, str]) -> Package:
    module = fields["module"]
    return Package(name, module, modules[module].removeprefix("v"), fields["revision"])


def _modules(content: Mapping[str, Any], versions: Versions) -> dict[str, Module]:
    if set(content) != set(versions.modules):
        raise BundleError(
            "the same modules in programs.yml and versions.yml",
            ", ".join(sorted(set(content) ^ set(versions.modules))) + " in one of them only",
            "add what is missing",
        )
    return {name: _module(name, fields, versions.modules[name]) for name, fields in content.items()}


def _module(name: str, fields: Mapping[str, Any], version: str) -> Module:
    return Module(
        name=name,
        module=fields["module"],
        version=version,
        programs=fields["programs"],
        staging=fields.get("staging", ""),
        cgo=fields.get("cgo", False),
        tags=tuple(fields.get("tags", ())),
        ldflags=tuple(fields.get("ldflags", ())),
    )


def _base(name: str, fields: Mapping[str, Any]) -> Base:
    return Base(
        name=name,
        files=fields.get("files", {}),
        copies=fields.get("copies", {}),
        directories={path: int(mode, 8) for path, mode in fields.get("directories", {}).items()},
        packages=tuple(fields.get("packages", ())),
    )


def _image(repository: str, fields: Mapping[str, Any]) -> Image:
    return Image(
        repository=repository,
        base=fields.get("base", ""),
        files=fields["files"],
        entrypoint=tuple(fields.get("entrypoint", ())),
        command=tuple(fields.get("command", ())),
        user=fields.get("user", ""),
    )
