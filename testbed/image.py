# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of the hosts: Debian's packages, built once per machine and imported once per checkout."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Runner
from tools.paths import Checkout

from .lock import locked
from .output import MachineError, say, waiting
from .podman import Podman

SUITE = "trixie"
# The packages that Debian's installer and its cloud images begin with
VARIANT = "important"
# Documentation is not needed in a lab, and is half of the size
EXCLUDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


@dataclass(frozen=True)
class Image:
    """One kind of host: packages, pool, overlay and customize of a directory, on top of those of another."""

    name: str
    directory: Path
    base: Image | None = None

    @property
    def directories(self) -> list[Path]:
        """The directories that describe it, the base first."""
        return [*(self.base.directories if self.base else ()), self.directory]

    @property
    def packages(self) -> list[str]:
        """The packages to install."""
        return self._listed("packages")

    @property
    def pool(self) -> list[str]:
        """Packages that are not installed but can be, from the mirror that is built with the image."""
        return self._listed("pool")

    def _listed(self, name: str) -> list[str]:
        files = [directory / name for directory in self.directories if (directory / name).exists()]
        lines = [line.strip() for file in files for line in file.read_text().splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    @property
    def key(self) -> str:
        """A hash of everything that makes the image, except for the current versions of the distribution."""
        digest = hashlib.sha256(repr((SUITE, VARIANT, EXCLUDED, platform.machine(), self.packages, self.pool)).encode())
        for directory in self.directories:
            lists = (directory / "packages", directory / "pool")
            for file in sorted(path for path in directory.rglob("*") if path.is_file() and path not in lists):
                digest.update(repr((str(file.relative_to(directory)), os.access(file, os.X_OK))).encode())
                digest.update(file.read_bytes())
        return digest.hexdigest()[:16]

    @property
    def reference(self) -> str:
        """The name that the description of the hosts uses."""
        return f"localhost/{self.name}:latest"

    @property
    def reference_by_key(self) -> str:
        """The name that shows whether the image is the described one."""
        return f"localhost/{self.name}:{self.key}"


def images(checkout: Checkout) -> dict[str, Image]:
    """Return the kinds of hosts, by the name in their description."""
    described = checkout.root / "testbed" / "images"
    debian = Image("classroom-debian", described / "debian")
    redhat = Image("classroom-redhat", described / "redhat", debian)
    return {image.reference: image for image in (debian, redhat)}


def build_argv(image: Image, target: Path, mirror: Path) -> list[str]:
    """Return the command of mmdebstrap without a mirror: it uses that of this machine's apt. The pool is in `mirror`.

    The variant is that of a cloud image, and as in one there are no package lists.
    """
    return [
        "mmdebstrap", "--mode=root", f"--variant={VARIANT}", f"--include={','.join(image.packages)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        f'--customize-hook={image.directories[0]}/download "$1" {mirror} {" ".join(image.pool)}',
        *(hook for directory in image.directories for hook in (
            f"--customize-hook=sync-in {directory}/overlay /",
            f'--customize-hook={directory}/customize "$1" {mirror}')),
        "--format=tar", SUITE, str(target),
    ]


def mirror_of(image: Image, checkout: Checkout) -> Path:
    """Return the directory with the packages of the image's pool as a repository of its family."""
    return checkout.cache / "machines" / "mirror" / f"{image.name}-{image.key}"


def _build(image: Image, archive: Path, mirror: Path, run: Runner) -> None:
    part = archive.with_name(f"part-{archive.name}")
    packages = mirror.with_name(f"part-{mirror.name}")
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    say(f"building the image {image.name} from Debian {SUITE} (half a minute to a minute, once)")
    with waiting("installing packages"):
        completed = run(build_argv(image, part, packages), timeout=1800, check=False)
    if completed.rc != 0:
        part.unlink(missing_ok=True)
        raise MachineError(
            f"The image of the machines could not be built, mmdebstrap ended with {completed.rc}:\n"
            f"{completed.text[-1500:]}\n"
            "It takes Debian's packages from where this host's apt does: see whether 'apt-get update' works."
        )
    shutil.rmtree(mirror, ignore_errors=True)
    packages.rename(mirror)
    # The name that scenarios use
    link = mirror.with_name(f"part-{image.name}")
    link.unlink(missing_ok=True)
    link.symlink_to(mirror.name)
    link.replace(mirror.with_name(image.name))
    part.replace(archive)


def ensure_image(image: Image, checkout: Checkout, podman: Podman, run: Runner) -> bool:
    """Import the image into the checkout's storage if it is missing; return whether anything had to be done."""
    mirror = mirror_of(image, checkout)
    if podman.image_exists(image.reference_by_key) and mirror.is_dir():
        return _tag(image, podman)
    archive = checkout.cache / "machines" / f"{image.name}-{image.key}.tar.zst"
    with locked(archive.with_suffix(".lock"), "the image of the machines"):
        if not (archive.exists() and mirror.is_dir()):
            _build(image, archive, mirror, run)
    say(f"importing the image {image.name}")
    with waiting("importing"):
        podman(
            "import", "--quiet", '--change=CMD ["/usr/local/sbin/machine-entry"]', "--change=STOPSIGNAL SIGRTMIN+3",
            str(archive), image.reference_by_key, timeout=600,
        )
    _tag(image, podman)
    return True


def _tag(image: Image, podman: Podman) -> bool:
    """Set the tag, which an older image may have, or none if an import was interrupted."""
    wanted = podman.image_id(image.reference_by_key)
    if podman.image_exists(image.reference) and podman.image_id(image.reference) == wanted:
        return False
    podman("tag", image.reference_by_key, image.reference)
    podman.remove_other_tags(image.name, {image.key, "latest"})
    return True
