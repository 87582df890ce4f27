# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile the Go programs, one module at a time, each cached under a key of its inputs."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from pathlib import Path

from bundle.builder.cache import PARTIAL, Paths, unfinished
from bundle.builder.cache_key import key_of
from bundle.builder.commands import download, output, run
from bundle.builder.config import Module
from bundle.builder.errors import BundleError
from bundle.builder.progress import Progress, Step
from bundle.builder.toolchain import go_environment

LICENSE = "LICENSE"
# The linker strips debugging information: not writing it at all saves a twelfth of the time.
COMMAND = ("go", "build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false", "-gcflags=all=-dwarf=false")


class Programs:
    """The directory of compiled programs."""

    def __init__(self, paths: Paths, go: str) -> None:
        self._paths = paths
        self._go = go

    def directory(self, module: Module) -> Path:
        """Return the directory whose name depends on all inputs of the programs."""
        source = self._paths.source / "go" / module.name
        files = [source / "go.mod", source / "go.sum"]
        return self._paths.programs / f"{module.name}-{key_of([self._go, COMMAND, asdict(module)], files)[:16]}"

    def build(self, module: Module, progress: Progress) -> Path:
        """Compile the programs of a module unless exactly these exist already."""
        finished = self.directory(module)
        if finished.is_dir():
            return finished
        with progress.step(f"compile {module.name} {module.version}") as step:
            partial = unfinished(finished)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            self._compile(module, partial, step)
            self._copy_license(module, partial)
            _remove_former(finished)
            partial.rename(finished)
            step.outcome = f"{len(module.programs)} program(s)"
        return finished

    def _compile(self, module: Module, target: Path, step: Step) -> None:
        tags = f"-tags={','.join(module.tags)}"
        source = self._paths.source / "go" / module.name
        environment = {**go_environment(self._paths), "CGO_ENABLED": "1" if module.cgo else "0"}
        step.detail = "modules"
        # Download the source of every package that is compiled. A separate step, because only downloads are retried
        download(
            ["go", "list", "-deps", "-mod=readonly", tags, *module.programs.values()],
            self._paths.logs / f"download-{module.name}.log", cwd=source, env=environment,
        )
        run(
            [*COMMAND, tags, f"-ldflags={module.linker_flags()}", "-o", f"{target}/", *module.programs.values()],
            self._paths.logs / f"compile-{module.name}.log",
            cwd=source,
            env=environment,
            on_line=_Counter(step).line,
        )
        for name, package in module.programs.items():
            (target / executable_name(package)).rename(target / name)

    def _copy_license(self, module: Module, target: Path) -> None:
        """Copy the license of the module, which a package must contain."""
        directory = output(
            ["go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module.module],
            cwd=self._paths.source / "go" / module.name,
            env=go_environment(self._paths),
        )
        found = sorted(Path(directory.strip()).glob(f"{LICENSE}*"))
        if not found:
            raise BundleError(
                f"the license of {module.module}", f"none in {directory.strip()}", "look where it is kept"
            )
        shutil.copyfile(found[0], target / LICENSE)


class _Counter:
    """A detail for the progress from `go build -v`: the number of packages so far, and the current one."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._packages = 0

    def line(self, line: str) -> None:
        if line.startswith("go: "):
            self._step.detail = line.removeprefix("go: ")
        else:
            self._packages += 1
            self._step.detail = f"{self._packages} packages, now {line}"


def executable_name(package: str) -> str:
    """Return the name that `go build -o DIRECTORY/` gives a program: the last part of its path without version."""
    words = package.split("/")
    return words[-2] if re.fullmatch(r"v\d+", words[-1]) else words[-1]


def _remove_former(finished: Path) -> None:
    """Keep one build of each module: they are large, and Go's cache restores a former one in seconds."""
    module = finished.name.rpartition("-")[0]
    for other in finished.parent.glob(f"{module}-*"):
        if other.name.rpartition("-")[0] == module and other.suffix != PARTIAL:
            shutil.rmtree(other)
