# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test whether a text is a network or an address."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ip_network
short_description: Test whether a text is an IP network or a single address
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - True for an address (V(192.168.90.10)) and for a network with its prefix (V(192.168.90.0/24)), of IPv4 and IPv6.
  - A network that has bits of an address behind its prefix is none, since one of the two must be a mistake.
options:
  _input:
    description: What is tested.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Assert that all of these are networks
  ansible.builtin.assert:
    that: "['192.168.90.0/24', '192.168.91.7'] | reject('classroom.kubeadm.ip_network') | length == 0"
"""

RETURN = r"""
_value:
  description: Whether it is one.
  type: bool
"""

import ipaddress
from typing import Any


def ip_network(text: Any) -> bool:
    """See DOCUMENTATION. Numbers are rejected, because the library would take them for addresses."""
    try:
        ipaddress.ip_network(str(text))
    except ValueError:
        return False
    return not isinstance(text, int)


class TestModule:
    """Ansible's entry point."""

    def tests(self) -> dict[str, Any]:
        return {"ip_network": ip_network}
