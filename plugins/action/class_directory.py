# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a class file and an ansible.cfg on the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.core_version import version_problem
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.class_directory import (
    NewFile,
    missing_files,
    write,
)

# The documentation of the options is in modules/class_directory.py, where Ansible looks for it
SPEC = {"directory": {"type": "path", "required": True}}


def difference(file: NewFile) -> dict[str, str]:
    """Return the difference that `--diff` shows for a new file."""
    return {"before_header": str(file.path), "after_header": str(file.path), "before": "", "after": file.content}


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SPEC)
        directory = Path(options["directory"]).absolute()
        try:
            if version_problem():
                raise ClassroomError(version_problem())
            files = missing_files(directory)
            if not self._task.check_mode:
                write(files)
        except ClassroomError as error:
            result.update(changed=False, failed=True, msg=str(error))
            return result
        # It precedes the file in the current directory
        named = os.environ.get("ANSIBLE_CONFIG", "")
        if named and Path(named).absolute() != directory / "ansible.cfg":
            result["warnings"] = [
                f"The variable ANSIBLE_CONFIG names {named}: Ansible uses this file and not {directory}/ansible.cfg. "
                "Unset it, or let it name the file of the class."]
        result.update(changed=bool(files), directory=str(directory), files=[str(file.path) for file in files])
        if self._task.diff:
            result["diff"] = [difference(file) for file in files]
        return result
