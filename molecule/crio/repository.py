# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a signed repository for apt of CRI-O's packages, or of its programs: repository.py SOURCE TARGET

SOURCE is a directory with packages (*.deb), which are taken as they are, or with the programs crio and pinns, of which
a package is made as the bundle makes its own.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / ".collections")]

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.gpg import Keyring
from bundle.builder import packages
from bundle.builder.config import Package
from tools.paths import CACHE

HERE = Path(__file__).resolve().parent
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PROGRAMS = ("crio", "pinns")


def version_of(program: Path) -> str:
    printed = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", printed)
    if found is None:
        raise SystemExit(f"Wanted a release that {program} --version names, found '{printed}'.")
    return found.group()


def description(source: Path, architecture: str) -> dict[str, Any]:
    """nfpm's, without the license, which is not among the programs."""
    package = Package("cri-o", "cri-o", version_of(source / "crio"), "1.1")
    made = packages.render(HERE / "package", package, {"cri-o": source}, architecture)
    made["contents"] = [entry for entry in made["contents"] if Path(entry.get("src", HERE)).exists()]
    return made


def make_package(source: Path, pool: Path) -> None:
    architecture = ARCHITECTURES[platform.machine()]
    made = description(source, architecture)
    text = pool.parent / "cri-o.yaml"
    text.write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
    programs = sorted(CACHE.glob("programs/nfpm-*/nfpm"))
    if not programs:
        raise SystemExit(f"Wanted nfpm in {CACHE}/programs, found none. Build the bundle first (make bundle).")
    target = pool / f"cri-o_{made['version']}-{made['release']}_{architecture}.deb"
    subprocess.run([programs[-1], "package", "--packager=deb", f"--config={text}", f"--target={target}"], check=True)


def main() -> int:
    source, target = (Path(word).resolve() for word in sys.argv[1:3])
    debs = sorted(source.glob("*.deb"))
    if not debs and not all((source / name).is_file() for name in PROGRAMS):
        print(f"Wanted packages (*.deb) or the programs {' and '.join(PROGRAMS)} in {source}, found neither.")
        return 1
    if target.exists():
        shutil.rmtree(target)
    pool = target / bundle_repository.POOL
    pool.mkdir(parents=True)
    if debs:
        for deb in debs:
            shutil.copy2(deb, pool)
    else:
        make_package(source, pool)
    with Keyring() as keyring:
        key = keyring.unlock(str(target.parent / "cri-o-key.asc"))
        bundle_repository.make_apt(str(target), keyring, key)
    return 0


if __name__ == "__main__":
    sys.exit(main())
