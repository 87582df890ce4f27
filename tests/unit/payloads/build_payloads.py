# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the payloads of a collection's modules, as ansible-core sends them to hosts.

Arguments: the directory that has `ansible_collections`, and a directory for the payloads, one zip archive for each
module. Prints a JSON object: module -> error message, or null when its payload was built. Modules without code, which
only document an action plugin, are left out.

A program of its own, because Ansible's loader of collections changes how the whole process imports.
"""

from __future__ import annotations

import ast
import base64
import json
import sys
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar


def has_code(module: Path) -> bool:
    """Whether the module has more than documentation."""
    body = ast.parse(module.read_bytes()).body
    return any(isinstance(node, (ast.FunctionDef, ast.ImportFrom, ast.Import)) for node in body
               if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"))


def payload(module: Path) -> bytes:
    """Return the zip archive with the module and all of module_utils that ansible-core packs with it."""
    built = modify_module(
        module_name=f"classroom.kubeadm.{module.stem}", module_path=str(module), module_args={},
        templar=Templar(loader=DataLoader()), task_vars={"ansible_python_interpreter": "/usr/bin/python3"})
    # A program whose last statement calls its own main function with the archive, encoded
    for node in ast.walk(ast.parse(built.b_module_data)):
        if isinstance(node, ast.keyword) and node.arg == "zip_data" and isinstance(node.value, ast.Constant):
            return base64.b64decode(str(node.value.value))
    raise AnsibleError("The form of ansible-core's payload has changed: it has no argument zip_data.")


def main() -> None:
    collections, target = Path(sys.argv[1]), Path(sys.argv[2])
    init_plugin_loader([str(collections)])
    problems: dict[str, str | None] = {}
    for module in sorted((collections / "ansible_collections/classroom/kubeadm/plugins/modules").glob("*.py")):
        if not has_code(module):
            continue
        try:
            (target / f"{module.stem}.zip").write_bytes(payload(module))
            problems[module.stem] = None
        except AnsibleError as error:
            problems[module.stem] = str(error)
    print(json.dumps(problems))


if __name__ == "__main__":
    main()
