# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Debian userland of some images, as a tar file that mmdebstrap makes from Debian's signed packages."""

from __future__ import annotations

import re
import tarfile
from dataclasses import asdict
from pathlib import Path

from bundle.builder.cache import Paths, unfinished
from bundle.builder.cache_key import key_of
from bundle.builder.commands import run
from bundle.builder.config import Base
from bundle.builder.errors import BundleError
from bundle.builder.progress import Progress

# Containers need no documentation; copyright files stay.
LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")
KEPT = ("/usr/share/doc/*/copyright",)
# Required for installing packages, but not in a container: half of all files, each of which takes time to unpack.
UNWANTED = re.compile(
    r"\./((dev|proc|sys)/"
    r"|usr/bin/perl"
    r"|usr/lib/[^/]+-linux-gnu/(gconv|perl-base)/"
    r"|usr/share/(bash-completion|lintian|perl5)/"
    r"|var/cache/debconf/"
    r"|var/lib/dpkg/info/"
    r"|var/log/)"
)
# The runtime writes its own files there.
RUNTIME_FILES = ("./etc/machine-id", "./etc/hostname", "./etc/resolv.conf")


def build(base: Base, suite: str, paths: Paths, progress: Progress) -> Path:
    """Return the tar file of the base, built once for a suite and a list of packages."""
    key = key_of([asdict(base), suite, LEFT_OUT, KEPT])
    finished = paths.work / f"base-{key[:16]}.tar"
    if finished.is_file():
        return finished
    with progress.step(f"base of the images: Debian {suite}") as step:
        partial = unfinished(finished)
        run(
            [
                "mmdebstrap",
                "--format=tar",
                "--variant=essential",
                f"--include={','.join(base.packages)}",
                *_left_out(),
                suite,
                str(partial),
            ],
            paths.logs / "base.log",
            # mmdebstrap limits the time of every file to this one, so that equal packages make an equal tar.
            env={"SOURCE_DATE_EPOCH": "0"},
            on_line=lambda line: setattr(step, "detail", line),
        )
        for former in paths.work.glob("base-*.tar"):
            former.unlink()
        partial.rename(finished)
    return finished


def _left_out() -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    return excluded + [f"--dpkgopt=path-include={pattern}" for pattern in KEPT]


def installed_packages(tar: Path) -> dict[str, str]:
    """Return the Debian packages in a base, with their versions."""
    paragraphs = read_file(tar, "/var/lib/dpkg/status").decode().strip().split("\n\n")
    fields = [dict(_field(line) for line in text.splitlines() if line[:1].isalpha()) for text in paragraphs]
    return {field["Package"]: field["Version"] for field in fields}


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def read_file(tar: Path, path: str) -> bytes:
    """Return the content of a regular file of a base."""
    with tarfile.open(tar) as archive:
        for member in archive:
            if member.isreg() and member.name.lstrip(".") == path:
                content = archive.extractfile(member)
                assert content is not None
                return content.read()
    raise BundleError(f"{path} in the Debian base", f"no such file in {tar}", "name its package in images.yml")


def copy_tree(tar: Path, target: tarfile.TarFile) -> None:
    """Copy everything of a base that belongs into an image: no device nodes, no perl."""
    with tarfile.open(tar) as archive:
        for member in archive:
            if _belongs(member.name):
                target.addfile(member, archive.extractfile(member) if member.isreg() else None)


def _belongs(name: str) -> bool:
    return not UNWANTED.match(name) and name not in RUNTIME_FILES
