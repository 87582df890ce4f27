# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The setting of Ansible by which facts would become variables."""

from __future__ import annotations

from ansible import constants

SETTING = "INJECT_FACTS_AS_VARS"


def injection_problem() -> str:
    """Return why nothing may be run with this configuration of Ansible; empty where facts stay facts."""
    injected, origin = constants.config.get_config_value_and_origin(SETTING)
    if not injected:
        return ""
    return (
        "Ansible's configuration lets facts become variables: expected inject_facts_as_vars to be false, found true "
        "({}). A host could overwrite any variable of the inventory and the roles with its facts. Use the ansible.cfg "
        "that 'ansible-playbook classroom.kubeadm.init' writes into a new directory. To keep your own: Add the line "
        '"inject_facts_as_vars = false" to the section [defaults] of {}, or set ANSIBLE_INJECT_FACT_VARS=false. '
        "Nothing was changed."
    ).format(origin, constants.CONFIG_FILE or "ansible.cfg")
