# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of the hosts' distributions, downloaded by apt and resolved against a fresh image of the distribution."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.repository import POOL
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file
from bundle.builder.cache import Paths, unfinished
from bundle.builder.cache_key import key_of
from bundle.builder.commands import run
from bundle.builder.config import Distribution, Recipe
from bundle.builder.errors import BundleError
from bundle.builder.progress import Progress

SCRIPT = "resolve-packages"


def selected(recipe: Recipe, names: list[str] | None) -> dict[str, Distribution]:
    """Return the distributions of these names, all of them for None. Raises BundleError for an unknown name."""
    wanted = list(recipe.distributions) if names is None else names
    unknown = [name for name in wanted if name not in recipe.distributions]
    if unknown:
        raise BundleError(
            f"distributions among {', '.join(recipe.distributions)}",
            ", ".join(unknown),
            "correct the name, or describe it in bundle/distributions.yml",
        )
    return {name: recipe.distributions[name] for name in wanted}


def build(distribution: Distribution, architecture: str, paths: Paths, progress: Progress) -> Path:
    """Return the directory of a distribution's packages, downloaded once for a description."""
    script = paths.source / SCRIPT
    key = key_of([asdict(distribution), architecture], [script], paths.source)
    finished = paths.work / f"distribution-{distribution.name}-{key[:16]}"
    if finished.is_dir():
        return finished
    with progress.step(f"packages of {distribution.name}") as step:
        partial = unfinished(finished)
        partial.mkdir(parents=True)
        # mmdebstrap uses the sources of this machine's apt for the suite; no packages are unpacked
        run(
            [
                "mmdebstrap",
                "--variant=custom",
                "--format=null",
                f"--architectures={architecture}",
                f'--customize-hook={script} "$1" "{" ".join(distribution.present)}" {" ".join(distribution.packages)}',
                f"--customize-hook=copy-out /packages {partial}",
                distribution.suite,
            ],
            paths.logs / f"distribution-{distribution.name}.log",
            on_line=lambda line: setattr(step, "detail", line),
        )
        for former in paths.work.glob(f"distribution-{distribution.name}-*"):
            if former != partial:
                shutil.rmtree(former)
        (partial / "packages").rename(finished)
        partial.rmdir()
        step.outcome = f"{len(list(finished.iterdir()))} packages"
    return finished


def add(made: Mapping[str, Path], bundle: Path) -> dict[str, dict[str, str]]:
    """Copy the packages into the bundle's directory; return the versions by distribution and package."""
    versions: dict[str, dict[str, str]] = {}
    for name, directory in made.items():
        pool = bundle / bundle_contents.DISTRIBUTIONS / name / POOL
        pool.mkdir(parents=True)
        versions[name] = {}
        for source in sorted(directory.iterdir()):
            # apt writes an epoch as 1%3a, which a web server would decode; names in a pool have no epoch
            target = pool / re.sub(r"_[0-9]+%3a", "_", source.name)
            shutil.copy2(source, target)
            package = package_file.read(str(target))
            versions[name][package.name] = package.version
    return versions
