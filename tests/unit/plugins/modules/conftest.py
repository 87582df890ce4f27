# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process, as Ansible would run it on a machine."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock


@pytest.fixture(autouse=True)
def on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of action plugins import Ansible's controller, to whose display a module's warning would go then."""
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)


@pytest.fixture(autouse=True)
def lock_of_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Modules take the host-wide lock of a directory of the test, and not that of this host."""
    monkeypatch.setattr(host_lock, "ROOT", str(tmp_path_factory.mktemp("host")))


@pytest.fixture
def run_main() -> Callable[..., dict[str, Any]]:
    """Call it with a module's `main`, its options and `check=True` for check mode; it returns the module's result."""

    def run(main: Callable[[], None], options: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        printed = io.StringIO()
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = json.loads(printed.getvalue())
        return {"failed": False, "changed": False, **result}

    return run


KUBECTL = """\
#!{python}
import json, os, sys
directory = os.path.dirname(os.path.abspath(__file__))
line = " ".join(sys.argv[3:])
with open(directory + "/calls", "a") as calls:
    calls.write(line + "\\n")
with open(directory + "/answers.json") as answers:
    fitting = [(words, answer) for words, answer in json.load(answers).items() if line.startswith(words)]
code, out, err = max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else (1, "", "nobody expected " + line)
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class KubectlCommand:
    """A kubectl that a module can run; it answers by the words that a call begins with."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        program = directory / "kubectl"
        program.write_text(KUBECTL.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
        (directory / "admin.conf").write_text("", encoding="utf-8")
        self.options = {"kubectl": str(program), "kubeconfig": str(directory / "admin.conf")}
        self.answers({})

    def answers(self, answers: dict[str, tuple[int, str, str]]) -> None:
        (self._directory / "answers.json").write_text(json.dumps(answers), encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        log = self._directory / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


@pytest.fixture
def kubectl(tmp_path: Path) -> KubectlCommand:
    directory = tmp_path / "bin"
    directory.mkdir()
    return KubectlCommand(directory)
