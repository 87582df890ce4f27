# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find Nodes that differ from their declaration, from the results of other modules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: undeclared_nodes
short_description: Select the Nodes whose labels or taints differ from their declaration
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Leaves out of a list for P(classroom.kubeadm.node_metadata#module) the Nodes that are known to be as declared.
  - Plans with the same function as that module, so that both agree on what is to be done.
  - A Node that is not known stays in the list, and so does an entry that the module would reject.
options:
  _input:
    description:
      - Entries of the option O(classroom.kubeadm.node_metadata#module:nodes), each with one key more, C(node).
      - It is the RV(classroom.kubeadm.kubeadm_join#module:node) that P(classroom.kubeadm.kubeadm_join#module) or
        P(classroom.kubeadm.kubeadm_init#module) returned, and nothing where the Node is not known.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Set labels and taints of Nodes
  vars:
    declared:
      - name: node1
        labels:
          disk: ssd
        node: "{{ hostvars.node1.membership.node }}"
  classroom.kubeadm.node_metadata:
    nodes: "{{ declared | classroom.kubeadm.undeclared_nodes }}"
  when: declared | classroom.kubeadm.undeclared_nodes | length > 0
"""

RETURN = r"""
_value:
  description: The entries of the Nodes that differ or are not known, without the key C(node).
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata_plan import (
    Node,
    spec_from,
    steps,
    validate,
)


def undeclared_nodes(declared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries for which the module has to be called; see DOCUMENTATION."""
    return [
        {key: value for key, value in entry.items() if key != "node"} for entry in declared if not _is_settled(entry)
    ]


def _is_settled(entry: Mapping[str, Any]) -> bool:
    node = entry.get("node")
    if not node:
        return False
    try:
        spec = spec_from(entry)
        validate([spec])
        return not steps(spec, Node.from_json(node))
    except (ClassroomError, AttributeError, LookupError, TypeError):
        # The module has the sentence for what is wrong with the entry
        return False


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"undeclared_nodes": undeclared_nodes}
