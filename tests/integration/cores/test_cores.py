# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of the collection with each supported ansible-core, on the Python interpreters of this machine.

Tested are callback, action, filter, inventory and test plugins and what they share: the tests that run ansible-playbook
themselves, and those that import its code. Modules run on hosts, with another Python: of them only the payloads are
tested, which the core packs. The main environment, that of requirements.txt, has the oldest core and is tested by the
unit tests.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.environments import environment
from tests.support.interpreters import interpreter
from tools.paths import ROOT

HERE = Path(__file__).parent
# ansible-core -> Python
CORES = {"2.20": "3.12", "2.21": "3.13", "2.22": "3.13"}
TESTS = ("callback", "action", "filter", "inventory", "plugin_utils", "test")
# Seconds for the tests of one core, which need some 120 of CPU time: the stage is niced and may run beside others
RUN = 1500


@pytest.mark.parametrize("core", CORES)
def test_the_controller_side_works_with(core: str) -> None:
    python = interpreter(CORES[core], "ensurepip")
    if python is None:
        pytest.skip(f"ansible-core {core} was not tested: this machine has no Python {CORES[core]}")
    programs = environment(f"core-{core}", HERE / f"requirements-{core}.txt", python)
    done = subprocess.run(
        [str(programs / "python"), "-m", "pytest", *("tests/unit/plugins/" + name for name in TESTS),
         "tests/unit/playbooks", "tests/unit/payloads", "-p", "no:cacheprovider"],
        cwd=ROOT, env={**os.environ, "PATH": "{}:{}".format(programs, os.environ["PATH"])}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=RUN)
    assert done.returncode == 0, done.stdout[-20_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed.group(1)) > 500, done.stdout[-2000:]
    print("ansible-core {}, Python {}: {}".format(core, CORES[core], done.stdout.strip().split("\n")[-1]))


def test_each_core_has_its_requirements() -> None:
    for core in CORES:
        first = next(line for line in (HERE / f"requirements-{core}.txt").read_text("utf-8").split("\n")
                     if not line.startswith("#"))
        assert first.startswith(f"ansible-core=={core}.")
