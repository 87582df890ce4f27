# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine in a temporary directory, recorded answers of commands, and a way to run a module's main()."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.host_lock import LOCK
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import convert
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import read
from tests.unit.support.operations import logic_of


class FakeRun:
    """Answers commands from a list of (words that the command starts with, answer), the first that fits."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self._answers: list[tuple[tuple[str, ...], list[Completed]]] = []

    def on(self, *start: str, rc: int = 0, out: str = "", err: str = "") -> FakeRun:
        """Said twice for the same words: the answers come one after another, the last one again and again."""
        for known, answers in self._answers:
            if known == start:
                answers.append(Completed(rc, out, err))
                return self
        self._answers.append((start, [Completed(rc, out, err)]))
        return self

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        self.calls.append(list(argv))
        for start, answers in self._answers:
            if tuple(argv[: len(start)]) == start:
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if check and answer.rc != 0:
                    raise CommandFailed(argv, answer)
                return answer
        raise AssertionError(f"no answer was recorded for {argv}")

    def did(self, *words: str) -> bool:
        """Whether a command had all of these words."""
        return any(set(words) <= set(call) for call in self.calls)


class Machine:
    """The files of a machine below a temporary directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = Root(str(directory))

    def path(self, absolute: str) -> Path:
        return self.directory / absolute.lstrip("/")

    def write(self, absolute: str, content: str) -> Path:
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def read(self, absolute: str) -> str | None:
        path = self.path(absolute)
        return path.read_text() if path.exists() else None

    def snapshot(self) -> dict[str, str]:
        """All files but the lock, which lies on a tmpfs."""
        return {str(path): path.read_text() for path in sorted(self.directory.rglob("*"))
                if path.is_file() and not str(path).endswith(LOCK)}


@pytest.fixture
def fake_run() -> FakeRun:
    return FakeRun()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


RunModule = Callable[..., dict[str, Any]]


def assert_declared(module: ModuleType, result: Mapping[str, Any]) -> None:
    """Check that a result is what the module's RETURN section declares, of which the controller takes nothing else."""
    # Warnings are objects of ansible-core's own in the module's output
    own = {name: found for name, found in result.items() if name not in ("warnings", "deprecations", "exception")}
    assert convert(read(module.__name__.rpartition(".")[2]), own) == own


@pytest.fixture
def run_on_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], machine: Machine, fake_run: FakeRun,
) -> RunModule:
    """Run a module's main() on the temporary machine and return what it reported."""

    def runner(module: ModuleType, args: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
        # Tests of action plugins import the controller's side into this process; warnings would then go to its screen
        monkeypatch.setattr("ansible.module_utils._internal.is_controller", False, raising=False)
        monkeypatch.setattr(logic_of(module), "Root", lambda: machine.root)
        monkeypatch.setattr(logic_of(module), "run", fake_run)
        with patch_module_args({**args, "_ansible_check_mode": check, "_ansible_diff": True}), \
                pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert_declared(module, result)
        return result

    return runner
