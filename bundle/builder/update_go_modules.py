# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write go.mod and go.sum of every module from versions.yml."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from bundle.builder.cache import Paths
from bundle.builder.commands import output
from bundle.builder.config import Module, Recipe, Versions
from bundle.builder.progress import Progress
from bundle.builder.toolchain import go_environment


def update(recipe: Recipe, paths: Paths, progress: Progress) -> None:
    """Resolve each module from an empty file, so that no requirement of a former version stays."""
    for module in recipe.modules.values():
        with progress.step(f"resolve {module.name} {module.version}"), tempfile.TemporaryDirectory() as scratch:
            _resolve(module, recipe.versions, Path(scratch), go_environment(paths))
            target = recipe.source / "go" / module.name
            target.mkdir(parents=True, exist_ok=True)
            for name in ("go.mod", "go.sum"):
                shutil.copyfile(Path(scratch) / name, target / name)


def header(module: Module, versions: Versions) -> str:
    """Return the first lines of a go.mod."""
    name = f"classroom.example/bundle/{module.name}"
    return f"module {name}\n\ngo {versions.go_minimum}\n\ntoolchain go{versions.go_toolchain}\n"


def _resolve(module: Module, versions: Versions, directory: Path, environment: dict[str, str]) -> None:
    (directory / "go.mod").write_text(header(module, versions), encoding="utf-8")
    for name in _staging(module, directory, environment):
        release = module.version.replace("v1.", "v0.", 1)
        output(["go", "mod", "edit", f"-replace={name}={name}@{release}"], cwd=directory, env=environment)
    for name, version in versions.pins.get(module.name, {}).items():
        output(["go", "get", f"{name}@{version}"], cwd=directory, env=environment)
    packages = [f"{package}@{module.version}" for package in module.programs.values()]
    output(["go", "get", "-tool", *packages], cwd=directory, env=environment)


def _staging(module: Module, directory: Path, environment: dict[str, str]) -> list[str]:
    """Return the modules that upstream's go.mod takes from its staging directory, at v0.0.0."""
    if not module.staging:
        return []
    wanted = f"{module.module}@{module.version}"
    downloaded = json.loads(output(["go", "mod", "download", "-json", wanted], cwd=directory, env=environment))
    upstream = json.loads(output(["go", "mod", "edit", "-json", downloaded["GoMod"]], env=environment))
    required = [requirement["Path"] for requirement in upstream["Require"] if requirement["Version"] == "v0.0.0"]
    return [name for name in required if name.startswith(f"{module.staging}/")]
