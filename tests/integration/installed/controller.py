# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller of these tests, on which an ordinary user types commands."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.playbooks import Run
from tests.support.terminal import typed
from tools.paths import ROOT, Checkout

INSTRUCTOR, PASSWORD = "instructor", "template-secret"
# ansible-core -> the pinned packages; the newest is tested by `make test`, the oldest by `make test-long`
CORES = {
    "2.19": ROOT / "requirements-runtime.txt",
    "2.22": ROOT / "tests" / "integration" / "cores" / "requirements-2.22.txt",
}
CLASS = "~/my-class"


@dataclass(frozen=True)
class Controller:
    """A login of the user, by ssh, as in a terminal of that machine."""

    address: str
    prefix: str
    core: str
    tarball: str

    def _argv(self, command: str, directory: str, *options: str) -> list[str]:
        state = Checkout.of(ROOT).state
        return [
            "ssh", "-F", "none", *options, "-i", str(state / "id_ed25519"), "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={state / 'known_hosts'}",
            f"{INSTRUCTOR}@{self.address}", f"bash -lc {shlex.quote(f'cd {directory} && {command}')}"]

    def type(self, command: str, directory: str = CLASS, timeout: float = 600) -> Run:
        """Run a command in a directory of the user, without a terminal."""
        done = subprocess.run(
            self._argv(command, directory, "-T"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout)
        return Run(done.returncode, done.stdout)

    def succeed(self, command: str, directory: str = CLASS) -> str:
        """Run a command that must succeed; return what it printed."""
        run = self.type(command, directory)
        assert run.status == 0, f"{command}: {run.output}"
        return run.output

    def answer(self, command: str, answers: Sequence[tuple[str, str]]) -> Run:
        """Run a command in a terminal and answer its prompts."""
        return typed(self._argv(command, CLASS, "-tt", "-q"), answers=answers)

    def write(self, path: str, content: str) -> None:
        """Write a file of the user."""
        command = f"mkdir -p {Path(path).parent} && cat > {path}"
        subprocess.run(self._argv(command, "~", "-T"), input=content, text=True, check=True, timeout=60)
