# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""fetched_file: the machine gives the content, the controller keeps it."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils.files import mode_of, read_text, write_text

# The documentation of the options is in modules/fetched_file.py, where Ansible looks for it
SPEC = {
    "src": {"type": "path"},
    "dest": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0600"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
MODE = re.compile(r"0?[0-7]{3}")


def difference(dest: str, content: str, mode: int) -> str:
    """Why the file on the controller has to be written; empty when it is as wanted."""
    found = read_text(dest)
    if found is None:
        return "it is missing"
    if found != content:
        return "its content is another"
    return "" if mode_of(dest) == mode else "its mode is another"


def write(dest: str, content: str, mode: int) -> None:
    """Put the file there; it is never seen with half of its content or for more people than the mode says."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(dest)), mode=0o700, exist_ok=True)
    except OSError as problem:
        raise ClassroomError("Wanted a directory for {0} on the controller, found: {1}. Correct the path.".format(
            dest, problem.strerror)) from problem
    write_text(dest, content, mode)


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(
            argument_spec=SPEC, required_if=[("state", "present", ["src"])])
        if not MODE.fullmatch(given["mode"]):
            raise AnsibleError(
                "Wanted a mode of three or four octal digits, found '{0}'. Write it like 0600.".format(given["mode"])
            )
        if given["state"] == "absent":
            return {**result, **self._absent(given["dest"])}
        slurped = self._execute_module("ansible.builtin.slurp", {"src": given["src"]}, task_vars=task_vars)
        if slurped.get("failed"):
            return {**result, "failed": True, "msg": slurped.get("msg", "")}
        content = base64.b64decode(slurped["content"]).decode("utf-8", "surrogateescape")
        dest, mode = given["dest"], int(given["mode"], 8)
        try:
            reason = difference(dest, content, mode)
            if reason and not self._task.check_mode:
                write(dest, content, mode)
        except ClassroomError as problem:
            raise AnsibleError(str(problem)) from problem
        return {**result, "changed": bool(reason), "dest": dest, "reason": reason}

    def _absent(self, dest: str) -> dict[str, Any]:
        """The file is gone from the controller; the machine is not asked."""
        there = os.path.lexists(dest)
        if there and not self._task.check_mode:
            try:
                os.remove(dest)
            except OSError as problem:
                raise AnsibleError("Wanted {0} to be gone from the controller, found: {1}. Correct the path.".format(
                    dest, problem.strerror)) from problem
        return {"changed": there, "dest": dest, "reason": "it is not to be there" if there else ""}
