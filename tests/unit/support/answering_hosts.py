# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook with hosts that answer every module with a JSON of the test's choice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import MODULES

ROOT = Path(__file__).resolve().parents[3]
INTERPRETER = """\
#!{python}
import json, os, re, sys
text = sys.stdin.read() if len(sys.argv) < 2 or sys.argv[1] == "-" else open(sys.argv[1]).read()
names = re.findall(r"ansible_collections\\.classroom\\.kubeadm\\.plugins\\.modules\\.([a-z_]+)", text)
with open({received!r}, "a") as log:
    log.write(os.path.basename(sys.argv[0]) + " " + (names[-1] if names else "-") + "\\n" + text + "\\n")
with open({answers!r}) as stream:
    answers = json.load(stream)
answer = answers["samples"].get(names[-1] if names else "", {{}})
print(json.dumps({{"changed": False, **answer, **answers["hosts"].get(os.path.basename(sys.argv[0]), {{}})}}))
"""


GROUPS = {"control_plane": "master", "workers": "node1"}


def samples() -> dict[str, dict[str, Any]]:
    """What each module returns according to its documentation."""
    found = {}
    for path in MODULES.glob("*.py"):
        text = path.read_text(encoding="utf-8").split('RETURN = r"""\n')[1].split('\n"""')[0]
        found[path.stem] = {name: entry["sample"] for name, entry in yaml.safe_load(text).items() if "sample" in entry}
    return found


class Hosts:
    """Hosts whose Python is a program of the attacker, and a controller with something to lose."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.received = directory / "received"
        self.received.write_text("")

    def run(self, playbook: Path | str, answers: dict[str, Any], variables: dict[str, Any], *more: str) -> str:
        """Run a playbook on the hosts master and node1, and return the output."""
        recorded = self.directory / "answers.json"
        recorded.write_text(json.dumps({"samples": samples(), "hosts": answers}))
        hosts: dict[str, Any] = {}
        for name in ("master", "node1"):
            program = self.directory / name
            program.write_text(INTERPRETER.format(
                python=sys.executable, received=str(self.received), answers=str(recorded)))
            program.chmod(0o755)
            hosts[name] = {"ansible_connection": "local", "ansible_python_interpreter": str(program),
                           "ansible_host": "192.0.2.1" if name == "master" else "192.0.2.2"}
        groups = {group: {"hosts": {name: hosts[name]}} for group, name in GROUPS.items()}
        inventory = self.directory / "inventory.yml"
        inventory.write_text(json.dumps({"k8s_cluster": {"children": groups, "vars": variables}}))
        if isinstance(playbook, str):
            path = self.directory / "play.yml"
            path.write_text(playbook)
            playbook = path
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(playbook), *more],
            cwd=self.directory, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                 "PWD": str(self.directory), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"})
        return done.stdout + done.stderr
