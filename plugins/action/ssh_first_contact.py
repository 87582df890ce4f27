# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record host keys and check the login with ssh on the controller; no password is sent, and hosts need no Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._enroll.ssh_probe import PASSWORD, Ssh, make_contact

# The documentation of the options is in modules/ssh_first_contact.py, where Ansible looks for it
SPEC = {"timeout": {"type": "int", "default": 5}}


def ssh_of(options: Mapping[str, Any], timeout: int) -> Ssh:
    """Return ssh with the arguments of Ansible's connection plugin, in the same order."""
    words = shlex.split(options["ssh_args"] or "")
    if options["private_key_file"]:
        words += ["-o", 'IdentityFile="{}"'.format(options["private_key_file"])]
    for name, value in (("Port", options["port"]), ("User", options["remote_user"])):
        words += ["-o", f"{name}={value}"] if value else []
    words += shlex.split(options["ssh_common_args"] or "") + shlex.split(options["ssh_extra_args"] or "")
    return Ssh(options["ssh_executable"], tuple(words), options["host"], timeout)


OPTIONS = ("ssh_executable", "ssh_args", "ssh_common_args", "ssh_extra_args", "private_key_file", "port", "remote_user",
           "host")


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(argument_spec=SPEC)
        if self._connection.transport != "ssh":
            raise AnsibleError("The host has no login: expected a host reached by ssh, found the connection "
                               f"'{self._connection.transport}'. Exclude such a host with --limit.")
        options = {name: self._connection.get_option(name) for name in OPTIONS}
        contact = make_contact(ssh_of(options, given["timeout"]), run, record=not self._task.check_mode)
        # One attempt with one method; by default ssh would try all of them.
        method = " -o PreferredAuthentications=" + contact.method if contact.state == PASSWORD else ""
        result.update(
            contact.as_dict(), changed=bool(contact.recorded), password_given=self._password_given(),
            become_password_given=self._become_password_given(task_vars or {}),
            ssh_args=(options["ssh_args"] or "") + method,
        )
        if self._task.diff and contact.recorded:
            result["diff"] = {"prepared": "".join(f"{contact.known_hosts}: {key}\n"
                                                  for key in contact.recorded)}
        return result

    def _password_given(self) -> bool:
        """Return whether there is a password, from --ask-pass or from the inventory."""
        return bool(self._connection.get_option("password") or self._play_context.password)

    def _become_password_given(self, task_vars: Mapping[str, Any]) -> bool:
        """Return whether there is a become password, from --ask-become-pass or from the inventory.

        This task does not use become, so there is no become plugin with the value.
        """
        return bool(self._play_context.become_pass) or any(
            name in task_vars for name in ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"))
