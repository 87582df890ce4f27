# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of a seat, their utility, and a controller with nothing but the collection as it is published."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installed.controller import CORES, INSTRUCTOR, PASSWORD, Controller
from tests.support.environments import wheels
from tests.support.timings import pytest_terminal_summary, stage
from tools.paths import ROOT

__all__ = ["pytest_terminal_summary"]

# Those of testbed's description: the last one is the controller
SEAT, UTILITY, CONTROLLER = ("master", "node1"), "utility.example.com", "node2"
# A host as cloned from a template: a login with a password, and sudo without one
TEMPLATE = f"""
useradd --create-home --shell /bin/bash student
printf 'student:%s\\n' {PASSWORD} | chpasswd
printf 'student ALL=(ALL:ALL) NOPASSWD: ALL\\n' > /etc/sudoers.d/template
printf 'PasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/05-template.conf
systemctl restart ssh
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--core", choices=sorted(CORES), default=max(CORES), help="version of ansible-core to install")


def podman(*argv: str) -> str:
    """Run podman with the configuration of this checkout, which the stage sets."""
    return subprocess.run(["podman", *argv], check=True, capture_output=True, text=True, timeout=120).stdout


def testbed(*argv: str) -> None:
    subprocess.run([sys.executable, "testbed/cli.py", *argv, "--set", "molecule"], cwd=ROOT, check=True, timeout=300)


@pytest.fixture(scope="session")
def controller(request: pytest.FixtureRequest) -> Iterator[Controller]:
    """The machine of an instructor: Debian 13, an ordinary user, and the files that the user has downloaded."""
    core = str(request.config.getoption("--core"))
    prefix, tarball = os.environ["CLASSROOM_NET"], Path(os.environ["CLASSROOM_COLLECTION"])
    try:
        with stage("hosts"):
            testbed("up")
        for name in (*SEAT, UTILITY):
            podman("exec", name, "sh", "-euc", TEMPLATE)
        podman("exec", CONTROLLER, "useradd", "--create-home", "--shell", "/bin/bash", INSTRUCTOR)
        podman("cp", str(wheels(f"installed-{core}", CORES[core], "3.13")), f"{CONTROLLER}:/home/{INSTRUCTOR}/wheels")
        podman("cp", str(tarball), f"{CONTROLLER}:/home/{INSTRUCTOR}/{tarball.name}")
        podman("exec", CONTROLLER, "chown", "-R", f"{INSTRUCTOR}:", f"/home/{INSTRUCTOR}")
        yield Controller(f"{prefix}.102", prefix, core, tarball.name)
    finally:
        testbed("down")
