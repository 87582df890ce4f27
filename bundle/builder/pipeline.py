# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build a complete bundle from the declarations."""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from bundle.builder import base_rootfs, distributions, images, packages
from bundle.builder.cache import Paths, remove_unfinished, require_space, unfinished
from bundle.builder.cache_key import key_of, sha256, source_files
from bundle.builder.commands import stop_all
from bundle.builder.config import Distribution, Recipe
from bundle.builder.errors import BundleError
from bundle.builder.go_programs import Programs
from bundle.builder.progress import Progress
from bundle.builder.toolchain import architecture, go_environment, go_version, require_tools

# Two builds keep two cores busy while one of them links or downloads; more would only use memory.
PARALLEL = 2
# Measured, see bundle/README.md: Go's caches, the programs, and two bundles while one replaces the other.
GIBIBYTES_COLD = 14
GIBIBYTES_WARM = 3
# Measured; docs/performance.md
ANNOUNCEMENT = (
    "The programs of the cluster are compiled from source, once: up to 15 minutes on two cores, seconds if Go's cache "
    "has the objects. An interrupted build continues where it was."
)

BASE = "the base of the images"
# The code that makes a directory a bundle, also used by the playbook bundle.yml; its changes are changes of the bundle.
SEALING = (bundle_contents, bundle_lock, bundle_repository, gpg)


@dataclass(frozen=True)
class Inputs:
    """All inputs of a bundle, and the key of them."""

    recipe: Recipe
    go: str
    architecture: str
    distributions: Mapping[str, Distribution]

    @property
    def key(self) -> str:
        files = source_files(self.recipe.source)
        sealing = {module.__name__: sha256(Path(str(module.__file__))) for module in SEALING}
        facts = [self.go, self.architecture, sealing, sorted(self.distributions)]
        return key_of(facts, files, self.recipe.source)


def inputs(recipe: Recipe, paths: Paths, wanted: list[str] | None = None) -> Inputs:
    """Read the version of Go, and hash the other inputs. `wanted` names distributions, None all that are described."""
    return Inputs(
        recipe,
        go_version(paths, recipe.versions.go_minimum),
        architecture(go_environment(paths)),
        distributions.selected(recipe, wanted),
    )


def is_finished(paths: Paths, key: str) -> bool:
    """Return whether the cache's bundle was built from exactly these inputs."""
    return (paths.bundle / bundle_lock.NAME).is_file() and bundle_contents.read(str(paths.bundle)).key == key


def build(recipe: Recipe, paths: Paths, progress: Progress, wanted: list[str] | None = None) -> bool:
    """Build the bundle unless it exists; return whether anything was done. `wanted` names distributions, None all."""
    spec = inputs(recipe, paths, wanted)
    if is_finished(paths, spec.key):
        # A bundle of an earlier version of this program has no record
        _record_signer(paths)
        return False
    with _alone(paths, progress):
        # Another build may have built it while this one waited.
        if is_finished(paths, spec.key):
            return False
        remove_unfinished(paths)
        require_tools()
        programs = Programs(paths, spec.go)
        cold = not all(programs.directory(module).is_dir() for module in recipe.modules.values())
        require_space(paths.cache, GIBIBYTES_WARM, "CLASSROOM_CACHE")
        if cold:
            require_space(Path(go_environment(paths)["GOCACHE"]), GIBIBYTES_COLD, "GOCACHE and GOMODCACHE")
            progress.say(ANNOUNCEMENT)
        material, downloaded = _material(spec, programs, paths, progress)
        _assemble(spec, material, downloaded, paths, progress)
    return True


def _material(
    spec: Inputs, programs: Programs, paths: Paths, progress: Progress
) -> tuple[images.Material, dict[str, Path]]:
    """Compile everything, build the base and download the distributions' packages, two at a time."""
    recipe = spec.recipe
    (debian,) = [entry for entry in recipe.bases.values() if entry.packages]
    # The base first: it mostly waits for its packages, which would be idle time at the end.
    jobs: dict[str, Callable[[], Path]] = {
        BASE: partial(base_rootfs.build, debian, recipe.versions.debian, paths, progress),
        **{
            f"packages of {name}": partial(distributions.build, each, spec.architecture, paths, progress)
            for name, each in spec.distributions.items()
        },
        **{name: partial(programs.build, module, progress) for name, module in recipe.modules.items()},
    }
    results = _in_parallel(jobs)
    downloaded = {name: results.pop(f"packages of {name}") for name in spec.distributions}
    return images.Material(debian=results.pop(BASE), programs=results), downloaded


def _in_parallel(jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Run jobs in a few threads; the first failure, or Ctrl-C, ends the others and is raised."""
    stopping = threading.Event()
    with ThreadPoolExecutor(PARALLEL) as pool:
        futures: dict[str, Future[Any]] = {name: pool.submit(_guarded, job, stopping) for name, job in jobs.items()}
        try:
            finished, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
        except BaseException:
            stopping.set()
            # Repeatedly: a job that was about to start its program starts it nevertheless
            while wait(futures.values(), timeout=0).not_done:
                stop_all()
                wait(futures.values(), timeout=0.2)
            raise
    return {name: future.result() for name, future in futures.items()}


def _guarded(job: Callable[[], Any], stopping: threading.Event) -> Any:
    """Run a job unless another one has failed: the thread may be faster than the one that stops all."""
    if stopping.is_set():
        return None
    try:
        return job()
    except BaseException:
        stopping.set()
        raise


def _assemble(
    spec: Inputs, material: images.Material, downloaded: Mapping[str, Path], paths: Paths, progress: Progress
) -> None:
    """Write the bundle next to the former one and replace that when it is complete."""
    bundle = unfinished(paths.bundles / spec.key[:16])
    bundle.mkdir(parents=True)
    _add_kubectl(bundle, material)
    results = _in_parallel(
        {
            "packages": partial(_add_packages, spec, bundle, material, paths, progress),
            "images": partial(_add_images, spec, bundle, material, progress),
            "distributions": partial(distributions.add, downloaded, bundle),
        }
    )
    with progress.step("repositories, lock and signatures"):
        draft = _draft(spec, material, results["images"], results["distributions"])
        bundle_contents.seal(str(bundle), draft, str(paths.signing_key))
    _exchange(bundle, paths.bundles / spec.key[:16], paths)
    _record_signer(paths)


def _record_signer(paths: Paths) -> None:
    """Record the fingerprint of the builder's key, which signs the bundles of this cache."""
    bundle = str(paths.bundle)
    if paths.signing_key.is_file() and not bundle_signature.recorded(bundle):
        bundle_signature.record(bundle, gpg.fingerprint(str(paths.signing_key)))


def _add_kubectl(bundle: Path, material: images.Material) -> None:
    (bundle / "bin").mkdir()
    shutil.copy2(material.programs["kubernetes"] / "kubectl", bundle / "bin" / "kubectl")


def _add_packages(spec: Inputs, bundle: Path, material: images.Material, paths: Paths, progress: Progress) -> None:
    with progress.step("packages") as step:
        packages.build(spec.recipe, material.programs, paths.work / "packages", bundle, spec.architecture, step)
        step.outcome = f"{len(spec.recipe.versions.packages)} packages, each for {' and '.join(packages.FAMILIES)}"


def _add_images(spec: Inputs, bundle: Path, material: images.Material, progress: Progress) -> dict[str, str]:
    with progress.step("images") as step:
        tags = images.references(spec.recipe, material.programs["kubernetes"] / "kubeadm")
        digests = images.build(spec.recipe, tags, material, bundle / "oci", spec.architecture, step)
        step.outcome = f"{len(digests)} images"
    return digests


def _draft(
    spec: Inputs, material: images.Material, digests: dict[str, str], found: dict[str, dict[str, str]]
) -> bundle_contents.Contents:
    """Return the lock without the files, which are added when it is sealed."""
    versions = spec.recipe.versions
    return bundle_contents.Contents(
        key=spec.key,
        architecture=spec.architecture,
        go=spec.go,
        versions=dict(versions.modules),
        packages=tuple(
            bundle_contents.LockedPackage(
                package.name, package.full_version, packages.file_name(package, family, spec.architecture)
            )
            for family in packages.FAMILIES
            for package in versions.packages.values()
        ),
        images=digests,
        debian={"suite": versions.debian, "packages": base_rootfs.installed_packages(material.debian)},
        distributions=found,
    )


def _exchange(finished: Path, target: Path, paths: Paths) -> None:
    shutil.rmtree(target, ignore_errors=True)
    finished.rename(target)
    link = unfinished(paths.bundle)
    link.symlink_to(target.name)
    link.replace(paths.bundle)
    for former in paths.bundles.iterdir():
        if former not in (target, paths.bundle):
            shutil.rmtree(former, ignore_errors=True)


@contextmanager
def _alone(paths: Paths, progress: Progress) -> Iterator[None]:
    """Allow one build in a cache; a second one waits and then finds the bundle."""
    paths.cache.mkdir(parents=True, exist_ok=True)
    with (paths.cache / "bundle.running").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("wait for another build in the same cache"):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def require_bundle(directory: Path) -> None:
    """Raise an error with every difference between a bundle and its lock."""
    problems = bundle_lock.all_problems(str(directory), bundle_lock.read(str(directory)))
    if problems:
        raise BundleError(
            f"{directory} to be as its {bundle_lock.NAME} says",
            f"{len(problems)} difference(s):\n  " + "\n  ".join(problems) + "\n",
            "do what each line says",
        )
