# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools/setup on a host with a few programs of its own: what it installs, and what it does not touch."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# What the script itself calls, of any Unix
UNIX = ("bash", "env", "awk", "sed", "sort", "tail", "cat", "rm", "mkdir", "ln", "dirname", "chmod")
GO = "go1.26.8"
STUB = """#!/bin/sh
echo "{name} $*" >> "{log}"
{body}
"""
PYTHON = """case $1 in
  -c) exec {python} "$@" ;;
esac
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "pip $*" >> "{log}"\\n' > .venv/bin/pip
printf '#!/bin/sh\\necho "$PWD/.venv/lib"\\n' > .venv/bin/python
chmod +x .venv/bin/pip .venv/bin/python
"""


class Host:
    """A copy of the script with what it reads, and the only programs in its PATH."""

    def __init__(self, directory: Path) -> None:
        self.checkout, self.bin, self.log = directory / "checkout", directory / "bin", directory / "log"
        self.bin.mkdir()
        for name in ("tools/setup", "requirements.txt", "requirements-runtime.txt", "bundle/go/kubernetes/go.mod"):
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.checkout / name)
        for name in UNIX:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.log.touch()
        self.has("python3", PYTHON.format(python=sys.executable, log=self.log))
        self.user(0)

    def has(self, name: str, body: str = "") -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(STUB.format(name=name, log=self.log, body=body), encoding="utf-8")
        path.chmod(0o755)

    def user(self, number: int) -> None:
        self.has("id", f'[ "$1" = -un ] && echo user{number} || echo {number}')

    def go(self, version: str, toolchain: str = "auto") -> None:
        self.has("go", f'[ "$2" = GOVERSION ] && echo {version} || echo {toolchain}')

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "tools/setup", *arguments], cwd=self.checkout, env={"PATH": str(self.bin)}, text=True,
            capture_output=True, check=False)

    def called(self, name: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.split()[0] == name]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(("mode", "file"), [((), "requirements-runtime.txt"), (("dev",), "requirements.txt")])
def test_python_needs_no_root_no_debian_and_no_go(host: Host, mode: tuple[str, ...], file: str) -> None:
    host.user(1000)

    done = host.setup(*mode)

    assert done.returncode == 0, done.stderr
    [install, _check] = host.called("pip")
    assert "--require-hashes" in install and install.endswith("-r " + file)
    assert host.called("apt-get") == []
    assert (host.checkout / ".venv/lib/ansible_collections/classroom/kubeadm").resolve() == host.checkout


def test_a_second_run_installs_nothing_and_keeps_the_development_tools(host: Host) -> None:
    host.setup("dev")
    before = len(host.called("pip"))

    again, less = host.setup("dev"), host.setup()

    assert (again.returncode, again.stdout, less.returncode, less.stdout) == (0, "", 0, "")
    assert len(host.called("pip")) == before
    (host.checkout / "requirements.txt").write_text("changed", encoding="utf-8")
    host.setup("dev")
    assert len(host.called("pip")) > before


@pytest.mark.parametrize("mode", ["lab", "tests"])
def test_a_program_counts_wherever_it_is_from_and_no_package_is_removed(host: Host, mode: str) -> None:
    host.go(GO)
    host.has("apt-get")
    # As containerd.io brings it, which Debian's package runc would replace
    host.has("runc")

    done = host.setup(mode)

    assert done.returncode == 0, done.stderr
    [update, install] = host.called("apt-get")
    words = install.split()
    assert update.split()[1] == "update" and "--no-remove" in words
    assert {"skopeo", "mmdebstrap"} <= set(words) and "runc" not in words
    assert ("cpio" in words) == (mode == "tests")
    assert "these Debian packages are added:" in done.stdout


def test_what_apt_does_not_install_ends_it(host: Host) -> None:
    host.go(GO)
    host.has("apt-get", '[ "$1" = update ]')

    done = host.setup("lab")

    assert done.returncode != 0 and "No package was removed" in done.stderr
    assert host.called("pip") == []


@pytest.mark.parametrize(("version", "toolchain", "passes"), [
    ("", "", False), ("go1.19.8", "auto", False), ("go1.24.4", "local", False), ("go1.24.4", "auto", True),
    ("go1.26.5", "local", False), ("go1.26.6", "local", True), ("go1.27rc1", "local", True), ("go1.30.0", "auto", True),
])
def test_go_is_looked_for_before_anything_is_installed(host: Host, version: str, toolchain: str, passes: bool) -> None:
    host.has("apt-get")
    if version:
        host.go(version, toolchain)

    done = host.setup("lab")

    assert (done.returncode == 0) == passes
    assert bool(host.called("apt-get")) == bool(host.called("pip")) == passes
    if not passes:
        wanted = re.search(r"^go (\S+)$", (ROOT / "bundle/go/kubernetes/go.mod").read_text("utf-8"), re.MULTILINE)
        assert wanted and f"expected {wanted.group(1)} or newer" in done.stderr and "Nothing was changed" in done.stderr


@pytest.mark.parametrize(("user", "apt", "words"), [(1000, True, "root"), (0, False, "apt-get")])
def test_the_lab_needs_root_and_debian(host: Host, user: int, apt: bool, words: str) -> None:
    host.go(GO)
    host.user(user)
    if apt:
        host.has("apt-get")

    done = host.setup("lab")

    assert done.returncode != 0 and words in done.stderr and "Nothing was changed" in done.stderr
    assert host.called("apt-get") == host.called("pip") == []


@pytest.mark.parametrize(("python", "argument", "words"), [
    ("exit 1", (), "expected 3.11, 3.12 or 3.13"), ("", ("all",), "expected none, dev, lab or tests, found 'all'")])
def test_wrong_python_and_argument(host: Host, python: str, argument: tuple[str, ...], words: str) -> None:
    if python:
        for name in ("python3", "python3.13", "python3.12", "python3.11"):
            host.has(name, python)

    done = host.setup(*argument)

    # Debian's Python has a path of its own
    if python and done.returncode == 0:
        pytest.skip("this host has /usr/bin/python3 of a fitting version")
    assert done.returncode != 0 and words in done.stderr
    assert host.called("pip") == []
