#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pinned_packages
short_description: Packages of exact versions from one repository, held
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Makes a signed repository known, installs packages of exactly the wanted versions, up or down, in one transaction,
    and holds them, so that an upgrade of the system never moves them.
  - Only the list of that one repository is fetched. If it does not serve - unreachable, not signed with the key,
    without the wanted version - its description is put back as it was and no package is touched.
  - An installation that was interrupted is finished first.
notes:
  - Works with apt.
  - Files of the packages that were changed on the machine are kept as they are (dpkg's C(--force-confold)).
  - Services are started by the packages as the packages will; M(classroom.kubeadm.service_config) restarts those whose
    configuration is newer.
attributes:
  check_mode:
    support: full
    description:
      - Can run in check mode and predicts what the real run then does, without any network traffic.
      - Whether the repository has the versions is found out by the real run only.
  diff_mode:
    support: full
    description: Says what differs and why it is changed.
  idempotent:
    support: full
    description: A second run changes nothing and fetches nothing.
options:
  repository:
    description:
      - Where the packages come from. Without it, from the sources that the machine has.
    type: dict
    suboptions:
      name:
        description: Its name on the machine, used in file names.
        type: str
        required: true
      uri:
        description: Its address, such as V(http://192.168.90.10/apt).
        type: str
        required: true
      suite:
        description: The suite, or for a flat repository its directory with a slash at the end.
        type: str
        default: ./
      components:
        description: The components of the suite; none for a flat repository.
        type: list
        elements: str
        default: []
      architectures:
        description: Only these architectures. Without it all that the machine uses.
        type: list
        elements: str
        default: []
      signed_by:
        description: The public key that signs it, as ASCII-armoured text.
        type: str
        required: true
  packages:
    description: What is installed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The package.
        type: str
        required: true
      version:
        description:
          - Its version. V(1.36.3) is any packaging of that version, such as V(1.36.3-1.1); V(1.36.3-1.1) is just that.
          - Without it any version will do, from any of the machine's sources, and the package is not held.
        type: str
  hold:
    description: Whether the packages with a version are kept from upgrades of the system.
    type: bool
    default: true
  state:
    description: V(present) is what the module does; named for readers of a task.
    type: str
    choices: [present]
    default: present
"""

EXAMPLES = r"""
- name: Kubernetes' packages are installed and stay at their version
  classroom.kubeadm.pinned_packages:
    repository:
      name: classroom-kubeadm
      uri: http://192.168.90.10/apt
      signed_by: "{{ lookup('ansible.builtin.file', 'classroom-kubeadm.asc') }}"
    packages:
      - {name: kubeadm, version: 1.36.3}
      - {name: kubelet, version: 1.36.3}
      - {name: kubectl, version: 1.36.3}

- name: A package from the system's own sources, pinned
  classroom.kubeadm.pinned_packages:
    packages:
      - {name: runc, version: 1.1.15+ds1-2+b4}
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "package kubelet: it is missing"
    - "hold kubelet: an upgrade of the system would move it"
versions:
  description: The installed versions of the packages. In check mode those of before.
  returned: success
  type: dict
  sample:
    kubeadm: 1.36.3-1.1
    kubelet: 1.36.3-1.1
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils.command import CommandFailed, run
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils.packages import (
    Package,
    Repository,
    Wish,
    perform,
    plan,
    read_state,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils.packages_apt import STATUS, Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils.steps import as_changes, as_diff


def wished(params: Mapping[str, Any]) -> Wish:
    repository = None
    if params["repository"] is not None:
        given = dict(params["repository"])
        repository = Repository(**{**given, "components": tuple(given["components"]),
                                   "architectures": tuple(given["architectures"])})
    packages = tuple(Package(package["name"], package["version"]) for package in params["packages"])
    return Wish(packages, repository, params["hold"])


def install(module: AnsibleModule) -> None:
    """Plan, perform unless in check mode, report."""
    root = Root()
    if not os.path.exists(root(STATUS)):
        raise ClassroomError("Wanted a machine with apt, found none. This module does not know other package managers.")
    backend = Apt(root, run)
    wish = wished(module.params)
    state = read_state(root, backend, wish)
    files = backend.files(wish.repository) if wish.repository else {}
    steps = plan(wish, state, files)
    installed = state.installed
    if steps and not module.check_mode:
        perform(root, backend, wish, state, files)
        installed = read_state(root, backend, wish).installed
    module.exit_json(
        changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps),
        versions={name: package.version for name, package in installed.items()},
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "repository": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "uri": {"type": "str", "required": True},
                    "suite": {"type": "str", "default": "./"},
                    "components": {"type": "list", "elements": "str", "default": []},
                    "architectures": {"type": "list", "elements": "str", "default": []},
                    "signed_by": {"type": "str", "required": True},
                },
            },
            "packages": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "version": {"type": "str"},
                },
            },
            "hold": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present"], "default": "present"},
        },
        supports_check_mode=True,
    )
    try:
        install(module)
    except (ClassroomError, CommandFailed) as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
