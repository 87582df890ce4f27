# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two clusters for runs of ansible-playbook: a program in place of the hosts' Python answers as a test wants."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
# In place of Python on a host, whose name is that of the program. It logs each call and answers as the test wants
INTERPRETER = """\
#!{python}
import ast, json, os, re, sys
payload = sys.stdin.read()
host = os.path.basename(sys.argv[0])
module = re.search(r"^ansible_module='([\\w.]+)',$", payload, re.MULTILINE).group(1).rsplit(".", 1)[-1]
params = re.search(r"^params=(.+),$", payload, re.MULTILINE).group(1)
given = json.loads(ast.literal_eval(params))["ANSIBLE_MODULE_ARGS"]
call = module
if module == "kubeadm_reset":
    call = "check" if given["_ansible_check_mode"] else "reset"
elif module == "kubeadm_token":
    call = "revoke" if given.get("state") == "absent" else "create"
elif given.get("discovery"):
    call = "join"
with open({directory!r} + "/calls", "a") as log:
    log.write(json.dumps([host, call, given]) + "\\n")
with open({directory!r} + "/answers.json") as stream:
    wanted = json.load(stream)
answer = {{"changed": False, **wanted.get(host + " " + call, {{}})}}
if "exit" in answer:
    sys.exit(answer["exit"])
if call == "create" and not answer.get("failed"):
    problems = answer.pop("problems", {{}})
    answer["tokens"] = [
        {{"node_name": one["name"], "problem": problems[one["name"]]}} if one["name"] in problems else
        {{"node_name": one["name"], "token_id": one["name"], "expires": "", "discovery": {{
            "kubeconfig": "of " + one["name"], "token": "secret-" + one["name"]}}}} for one in given["nodes"]]
elif call == "revoke" and not answer.get("failed"):
    answer["revoked"] = given["token_ids"]
elif module == "kubeadm_join" and not answer.get("failed"):
    answer = {{"decision": "join", "reason": "", "actions": [], "needs_discovery": call != "join",
              "node_name": host, "machine_id": "id of " + host, **answer}}
elif module == "node_delete" and not answer.get("failed"):
    answer["nodes"] = [{{"name": one["name"], "decision": "remove", "reason": "", "evicted": [], "left": []}}
                       for one in given["nodes"]]
elif module == "kubeadm_reset" and not answer.get("failed"):
    answer = {{"level": "prepared", "decision": "reset", "reason": "done", "actions": [], "changes": [],
              "membership": "worker", "endpoint": "", "ca_hash": "", "machine_id": "id of " + host, "found": [],
              "residue": [], **answer}}
print(json.dumps(answer))
"""
# ssh without a connection: a command that ends with 255 makes its host unreachable
SSH = "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n"
CLUSTERS = {"a": ("a-master", "a-node1", "a-node2", "a-node3"), "b": ("b-master", "b-node1")}


@dataclass(frozen=True)
class Run:
    """The calls of a run by host and kind, with their options, and its output."""

    calls: Sequence[tuple[str, str, Mapping[str, Any]]]
    output: str

    def of(self, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
        return sorted(((host, given) for host, call, given in self.calls if call == kind), key=lambda one: one[0])

    def hosts(self, kind: str) -> list[str]:
        return [host for host, _given in self.of(kind)]

    def revoked(self) -> dict[str, list[str]]:
        return {host: given["token_ids"] for host, given in self.of("revoke")}

    def going_on(self) -> set[str]:
        return set(re.findall(r"goes on: ([-\w]+)", self.output))


class Class:
    """Two clusters whose hosts answer what a test sets."""

    def __init__(self, directory: Path, play: str) -> None:
        self.directory = directory
        self.answers: dict[str, Any] = {}
        ssh = directory / "ssh"
        ssh.write_text(SSH)
        ssh.chmod(0o755)
        hosts: dict[str, Any] = {}
        for cluster, members in CLUSTERS.items():
            for name in members:
                program = directory / name
                program.write_text(INTERPRETER.format(python=sys.executable, directory=str(directory)))
                program.chmod(0o755)
                hosts[name] = {
                    "ansible_ssh_executable": str(ssh), "ansible_host": "192.0.2.1",
                    "ansible_python_interpreter": str(program), "node_address": "192.0.2." + str(len(hosts) + 10),
                    "cluster_name": cluster, "cluster_machines": list(members), "cluster_control_plane": members[0],
                    "cluster_cri_socket": "unix:///x"}
        (directory / "inventory.yml").write_text(json.dumps({"k8s_cluster": {"hosts": hosts}}))
        (directory / "play.yml").write_text(play)

    def members(self, *names: str) -> None:
        """Let these hosts be members already."""
        for name in names:
            self.answers[name + " kubeadm_join"] = {"needs_discovery": False, "decision": "none"}

    def run(self, *arguments: str, **variables: Any) -> Run:
        (self.directory / "answers.json").write_text(json.dumps(self.answers))
        (self.directory / "calls").write_text("")
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "play.yml", "-v",
             "-e", json.dumps(variables), *arguments],
            cwd=self.directory, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), "PWD": str(self.directory),
                 "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"), "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_INJECT_FACT_VARS": "false", "ANSIBLE_PIPELINING": "true", "ANSIBLE_FORKS": "10"})
        calls = [tuple(json.loads(line)) for line in (self.directory / "calls").read_text().splitlines()]
        assert "secret-" not in done.stdout + done.stderr
        return Run(calls, done.stdout + done.stderr)
