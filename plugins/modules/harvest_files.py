#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: harvest_files
short_description: Directories of a machine in one archive of bounded size
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Archives what people have on a machine, with owners, permissions, times and links, before the machine is wiped.
  - Looks through everything first. More than O(max_mb) is an error that names the largest parts; nothing is written
    then.
  - What is passed over although no pattern excludes it is told in RV(left_out), for example sockets, or a file system
    of another machine or of an automounter, which may hang whoever looks at it.
notes:
  - Needs GNU tar and gzip on the machine.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.harvest
options:
  directories:
    description: Absolute paths of what is archived. One that does not exist is named in RV(left_out).
    type: list
    elements: path
    required: true
  excludes:
    description:
      - Patterns of what is left out, with the wildcards of a shell.
      - A pattern that begins with a slash is for the whole path, any other one for as many of its last parts as it has.
        V(.kube/cache) is the directory C(cache) in any C(.kube).
    type: list
    elements: str
    default: []
  max_mb:
    description: The most that all of it may be, in MiB before compression.
    type: int
    default: 200
  archive:
    description:
      - The file to write, a C(.tar.gz) of mode V(0600). It belongs to the owner of its directory, so that a login user
        can fetch what root has read.
      - Siblings of that directory whose name begins alike (up to the first dot) and that are older than an hour are
        what killed runs left, and are removed.
    type: path
    required: true
  timeout:
    description: How many seconds archiving may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: There is a place for the archive
  ansible.builtin.tempfile:
    state: directory
    path: /var/tmp
    prefix: classroom-harvest.
  register: place

- name: The students' files are archived
  classroom.kubeadm.harvest_files:
    directories: [/root, /home]
    excludes: [.cache, .kube/cache]
    archive: "{{ place.path }}/files.tar.gz"
"""

RETURN = r"""
files:
  description: How many files and links there are.
  returned: success
  type: int
  sample: 42
size:
  description: Their size in bytes before compression.
  returned: success
  type: int
  sample: 123456
left_out:
  description: What was passed over, a sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - /home/student/agent.sock is a socket, a pipe or a device.
missing:
  description:
    - Those of RV(left_out) about files that could not be read, a message each. Sockets, file systems of other hosts and
      files that changed meanwhile are not among them.
    - Before the files are deleted, it has to be empty.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import files as harvest_files


def archive(module: AnsibleModule) -> None:
    """Look, archive unless in check mode, report."""
    params = module.params
    root = Root()
    spec = harvest_files.FilesSpec(
        tuple(params["directories"]), tuple(params["excludes"]), params["max_mb"] * harvest_files.MEBIBYTE)
    found = harvest_files.survey(root, spec)
    if not module.check_mode:
        harvest_files.sweep(os.path.dirname(params["archive"]))
        harvest_files.pack(root, run, found, params["archive"], params["timeout"])
    module.exit_json(changed=True, files=found.files, size=found.size, left_out=found.left_out,
                     missing=found.missing)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directories": {"type": "list", "elements": "path", "required": True},
            "excludes": {"type": "list", "elements": "str", "default": []},
            "max_mb": {"type": "int", "default": 200},
            "archive": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    try:
        archive(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
