# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merge the results of an audit of several hosts into one report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit_report
short_description: Merge the results of an audit of several hosts into a report
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Merges the results that the tasks of the role C(audit) registered on each host, and adds what a comparison shows.
  - The machine-id, the product_uuid, the MAC addresses of network cards and the SSH host keys must be unique per host.
    The product_uuid of a container is that of its own host, so containers are not compared by it.
  - A host without any of the packages that is not part of a cluster was never prepared or is bare, so it has no drift.
positional: machines
options:
  _input:
    description:
      - The C(hostvars) of a run, or a dictionary like it.
      - Read are the results that the role registers, C(audit_result), C(host_result), C(host_interfaces_result),
        C(firewall_result), C(containerd_result), C(crio_result) and C(kubernetes_result), and C(_audit_failure),
        the failed result of a role that could not compare.
    type: dict
    required: true
  machines:
    description: Inventory names of the hosts of the audit.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the report
  ansible.builtin.debug:
    msg: "{{ (hostvars | classroom.kubeadm.audit_report(ansible_play_hosts_all)).lines | join('\n') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    findings:
      description:
        - All findings, in the order of the hosts. Each has C(host), C(section) (V(not audited), V(same), V(residue),
          V(hygiene) or V(drift)), C(kind), C(subject), C(command) (which shows it) and C(reason).
      type: list
      elements: dict
      sample:
        - host: node1
          section: residue
          kind: interface
          subject: cni0
          command: ip -br link show cni0
          reason: it keeps the address of the former pod network
    machines:
      description:
        - By name, whether each was C(audited), its C(cluster) (as residue_info returns it), whether it is
          C(prepared) (null if unknown) and its C(identity).
      type: dict
    counts:
      description: The number of findings by section.
      type: dict
      sample: {residue: 1}
    lines:
      description: The findings as aligned lines of text, with a summary as the last line.
      type: list
      elements: str
"""

from typing import Any

from ..plugin_utils._report.audit import audit_report


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"audit_report": audit_report}
