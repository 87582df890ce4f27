# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes that modules of the collection share; a module adds its details or overrides them."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change a host, only read it, fetch from it, or run on the controller."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and predicts exactly what the real run does.
    support: full
  diff_mode:
    description: Shows what differs, and why it is changed.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

    READ_ONLY = r"""
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

    HARVEST = r"""
attributes:
  check_mode:
    description: Reads and counts, and writes nothing.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Writes the current state each time.
    support: none
"""

    CONTROLLER = r"""
attributes:
  action:
    description: Has a corresponding action plugin that does all of the work; nothing runs on a host.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  bypass_host_loop:
    description: Forces a global task, without the need for C(run_once).
    support: none
  connection:
    description: Uses the target's configured connection information.
    support: none
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: none
    details: It runs on the controller, whatever host it is delegated to.
"""
