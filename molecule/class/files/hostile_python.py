#!/usr/bin/python3
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a student who is root on a seat can put in place of Python: runs no module, and answers each with an attack."""

from __future__ import annotations

import json
import sys

# Variables with which the roles name files of the controller and other hosts
VARIABLES = {
    "reset_kubeconfig": "/root", "control_plane_kubeconfig": "/root/.ssh/authorized_keys",
    "cluster_utility_ca": "/root/.ssh/id_ed25519", "cluster_control_plane": "seat02-master",
    "cluster_machines": ["seat02-master"], "students_directory": "/root", "harvest_to": "/root",
    "cluster_name": "../../..",
}
MACHINE = {"os_family": "debian", "firewalld": False, "network_manager": False}

sys.stdin.read()
print(json.dumps({
    "changed": True, "failures": [], "changes": {"not": "a list"}, "nodes": "all", "checks": 1, "residue": "\x1b[2J",
    "hygiene": [{"kind": ["x"]}], "identity": "seat02-master", "decision": "as requested", "needs_discovery": False,
    "msg": "\x1b]0;owned\x07\x1b[2J", "warnings": ["\x1b[2J\u202eowned"], "path": "../../../root/.ssh/authorized_keys",
    "content": "c3NoLWVkMjU1MTkgQUFBQSBzdHVkZW50Cg==", "encoding": "base64", "files": "/",
    "ansible_facts": {**VARIABLES, "classroom_machine": MACHINE},
}))
