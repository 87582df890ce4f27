# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List what could not be harvested of the hosts of a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: harvest_missing
short_description: List what could not be harvested of a cluster
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads the results of P(classroom.kubeadm.harvest_files#module) and P(classroom.kubeadm.harvest_objects#module) on
    the hosts of a cluster, as the role P(classroom.kubeadm.harvest#role) registered them.
  - A host that was not reached, whose harvest failed, or that gave no valid result counts as not harvested.
positional: hosts, reached, control_plane
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  hosts:
    description: The hosts of the cluster.
    type: list
    elements: str
    required: true
  reached:
    description: The hosts that have not failed in the run so far, C(ansible_play_hosts).
    type: list
    elements: str
    required: true
  control_plane:
    description: The host from which the objects of the cluster are harvested.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Assert that the harvest of the cluster is complete
  ansible.builtin.assert:
    that: hostvars | classroom.kubeadm.harvest_missing(['master', 'node1'], ansible_play_hosts, 'master') | length == 0
"""

RETURN = r"""
_value:
  description: Messages that start with the name of a host. Empty if everything was harvested.
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._harvest.gate import missing


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"harvest_missing": missing}
