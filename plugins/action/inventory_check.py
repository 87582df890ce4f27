# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the inventory of a cluster in the process of the controller, because no host is needed for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.declaration import (
    Declaration,
    Host,
    problems,
)

HOST_SPEC = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "default": ""},
    "fqdn": {"type": "str", "default": ""},
    "groups": {"type": "list", "elements": "str", "default": []},
}
# The documentation of the options is in modules/inventory_check.py, where Ansible looks for it
SPEC = {
    "hosts": {"type": "list", "elements": "dict", "required": True, "options": HOST_SPEC},
    "pod_subnet": {"type": "str", "required": True},
    "service_subnet": {"type": "str", "required": True},
    "node_subnet": {"type": "str", "default": ""},
    "kubernetes_version": {"type": "str", "default": ""},
    "bundle_version": {"type": "str", "default": ""},
    "missing_bundle": {"type": "str", "default": ""},
    "proxy": {"type": "dict", "default": {}},
    "utility": {"type": "str", "default": ""},
    "packages_from": {"type": "str", "default": "upstream"},
    "images_from": {"type": "str", "default": "upstream"},
}


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of the task for validated options."""
    given = dict(options)
    hosts = tuple(Host(**dict(host, groups=frozenset(host["groups"]))) for host in given.pop("hosts"))
    declaration = Declaration(hosts=hosts, **given)
    found = problems(declaration)
    if found:
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        message = "The declaration of the cluster has {}:\n- {}".format(count, "\n- ".join(found))
        return {"failed": True, "msg": message, "problems": found}
    return {"changed": False, "problems": [], "nodes": [host.name for host in declaration.nodes]}


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SPEC)
        result.update(checked(options))
        return result
