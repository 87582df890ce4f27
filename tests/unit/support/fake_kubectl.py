# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubectl that answers from a list and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import Kubectl

CONNECTION_REFUSED = Completed(
    1, "",
    'E1120 20:04:08.391315   14980 memcache.go:265] "Unhandled Error" err="couldn\'t get current server API group '
    'list: Get \\"https://192.168.90.100:6443/api?timeout=32s\\": dial tcp 192.168.90.100:6443: connect: connection '
    'refused"\nThe connection to the server 192.168.90.100:6443 was refused - did you specify the right host?\n',
)


class FakeKubectl:
    """Answers by the words that a call begins with; the longest fitting ones win, a list is used up one by one."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.calls: list[list[str]] = []
        self.inputs: list[str | None] = []

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        arguments = list(argv[3:])
        self.calls.append(arguments)
        self.inputs.append(stdin)
        line = " ".join(arguments)
        fitting = max((words for words in self.answers if line.startswith(words)), key=len, default=None)
        assert fitting is not None, f"no answer was prepared for 'kubectl {line}'"
        answer = self.answers[fitting]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(arguments)
        assert isinstance(answer, Completed)
        return answer

    def asked(self, verb: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] == verb]


def connected(directory: Path, fake: FakeKubectl) -> Kubectl:
    """A Kubectl whose kubeconfig and command exist."""
    kubeconfig = directory / "admin.conf"
    kubeconfig.write_text("", encoding="utf-8")
    binary = directory / "kubectl"
    binary.write_text("", encoding="utf-8")
    binary.chmod(0o755)
    return Kubectl(str(kubeconfig), str(binary), fake)
