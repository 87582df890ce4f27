# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real packages of both families, small enough to be made in a moment."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: Nobody <nobody@example.com>
{more}Description: A tool
"""
SPEC = """\
Name: {name}
Version: {version}
Release: {release}
Summary: A tool
License: GPL-3.0-or-later
BuildArch: {architecture}
AutoReqProv: no
{more}
%description
A tool.
%install
cp -a {files}/. %{{buildroot}}/
%files
/*
"""


def deb(
    target: Path, name: str, version: str, architecture: str = "all", depends: str = "",
    programs: Mapping[str, str] | None = None,
) -> Path:
    """A package with these programs (path -> text of a script), in the directory `target`."""
    target.mkdir(parents=True, exist_ok=True)
    # Files have no epoch in their names
    file = target / f"{name}_{version.rpartition(':')[2]}_{architecture}.deb"
    more = f"Depends: {depends}\n" if depends else ""
    text = CONTROL.format(name=name, version=version, architecture=architecture, more=more)
    with tempfile.TemporaryDirectory() as work:
        tree = Path(work) / "tree"
        _fill(tree, programs or {"/usr/share/tool/note": "a note\n"})
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN" / "control").write_text(text, encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, file], check=True, capture_output=True)
    return file


def rpm(
    target: Path, name: str, version: str, architecture: str = "noarch", depends: str = "",
    programs: Mapping[str, str] | None = None,
) -> Path:
    """The same for the other family; `version` has the release behind a dash."""
    target.mkdir(parents=True, exist_ok=True)
    number, _dash, release = version.rpartition("-")
    more = f"Requires: {depends}\n" if depends else ""
    name_format = "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"
    with tempfile.TemporaryDirectory() as work:
        _fill(Path(work) / "tree", programs or {"/usr/share/tool/note": "a note\n"})
        text = SPEC.format(
            name=name, version=number, release=release, architecture=architecture, more=more, files=f"{work}/tree")
        (Path(work) / "tool.spec").write_text(text, encoding="utf-8")
        where = {"_topdir": f"{work}/build", "_rpmdir": target, "_build_name_fmt": name_format}
        macros = [word for key, value in where.items() for word in ("--define", f"{key} {value}")]
        command = ["rpmbuild", "-bb", "--quiet", "--target", architecture, *macros, f"{work}/tool.spec"]
        subprocess.run(command, check=True, capture_output=True)
    return target / f"{name}-{version}.{architecture}.rpm"


def _fill(tree: Path, programs: Mapping[str, str]) -> None:
    for path, text in programs.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
