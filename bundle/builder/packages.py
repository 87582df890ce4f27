# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build OS packages with nfpm from the descriptions in bundle/packages/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.repository import POOL
from bundle.builder.commands import run
from bundle.builder.config import Package, Recipe, load_yaml
from bundle.builder.go_programs import LICENSE
from bundle.builder.progress import Step

# Built from the same descriptions: the directory of each repository in the bundle, and nfpm's name for it.
FAMILIES = {"apt": "deb", "rpm": "rpm"}
# The RPM family's names for the architectures that have one name in Go and Debian.
RPM_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}

# Files in packages have one time, so that equal inputs make equal packages; dpkg complains about 1970.
MODIFIED = "2026-01-01T00:00:00Z"
MAINTAINER = "The classroom.kubeadm authors <classroom-kubeadm@example.com>"
# Time matters for building and unpacking: the kubelet takes 0.6 s with zstd, and half a minute with xz.
COMPRESSION = "zstd:fastest"


def build(
    recipe: Recipe, programs: Mapping[str, Path], work: Path, target: Path, architecture: str, step: Step
) -> None:
    """Write every package of versions.yml, for both families, into the bundle in `target`."""
    work.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        (target / family / POOL).mkdir(parents=True)
    for package in recipe.versions.packages.values():
        step.detail = package.name
        description = work / f"{package.name}.yaml"
        text = yaml.safe_dump(render(recipe.source / "packages", package, programs, architecture), sort_keys=False)
        description.write_text(text, encoding="utf-8")
        for family, packager in FAMILIES.items():
            command = [str(programs["nfpm"] / "nfpm"), "package", f"--packager={packager}", f"--config={description}"]
            log = work / f"{package.name}-{packager}.log"
            run([*command, f"--target={target / file_name(package, family, architecture)}"], log)


def file_name(package: Package, family: str, architecture: str) -> str:
    """Return the path of a package in the bundle, with a file name in the format of its family."""
    if family == "apt":
        return f"apt/{POOL}/{package.name}_{package.full_version}_{architecture}.deb"
    return f"rpm/{POOL}/{package.name}-{package.full_version}.{RPM_ARCHITECTURES[architecture]}.rpm"


def render(directory: Path, package: Package, programs: Mapping[str, Path], architecture: str) -> dict[str, Any]:
    """Return nfpm's description: the written one, with what is equal for all packages or follows from versions."""
    written = load_yaml(directory / f"{package.name}.yaml")
    contents = [_content(entry, directory, programs) for entry in written.pop("contents")]
    scripts = {event: str(directory / path) for event, path in written.pop("scripts", {}).items()}
    return {
        "name": package.name,
        "version": package.version,
        "release": package.revision,
        "arch": architecture,
        "platform": "linux",
        "maintainer": MAINTAINER,
        "license": "Apache-2.0",
        "mtime": MODIFIED,
        # File names are used literally.
        "disable_globbing": True,
        **written,
        "contents": [*contents, *_licenses(package, programs)],
        "scripts": scripts,
        "deb": {"compression": COMPRESSION},
        # Packages do not contain the name of the build machine.
        "rpm": {"compression": COMPRESSION, "buildhost": "localhost"},
    }


def _content(entry: Mapping[str, Any], directory: Path, programs: Mapping[str, Path]) -> dict[str, Any]:
    """Return an entry for nfpm from `files/NAME` or `MODULE/PROGRAM`; modes do not depend on the user's umask."""
    if entry.get("type") == "dir":
        return {**entry, "file_info": {"mode": 0o755}}
    module, _, name = entry["src"].partition("/")
    if module == "files":
        return {**entry, "src": str(directory / "files" / name), "file_info": {"mode": 0o644}}
    return {**entry, "src": str(programs[module] / name), "file_info": {"mode": 0o755}}


def _licenses(package: Package, programs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return the path of the license in each family."""
    same = {"src": str(programs[package.module] / LICENSE), "file_info": {"mode": 0o644}}
    return [
        {**same, "dst": f"/usr/share/doc/{package.name}/copyright", "packager": "deb"},
        {**same, "dst": f"/usr/share/licenses/{package.name}/LICENSE", "packager": "rpm", "type": "license"},
    ]
