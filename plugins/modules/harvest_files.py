#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: harvest_files
short_description: Archive directories of a host with a size limit
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Archives the files of users of a host, with owners, permissions, times and links, before the host is reset.
  - Reads sizes first. If there is more than O(max_mb), the module fails, names the largest parts and writes nothing.
  - Files that are skipped although no pattern excludes them are named in RV(left_out), for example sockets, and file
    systems of another host or of an automounter, which may not respond.
notes:
  - Needs GNU tar and gzip on the host.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.harvest
options:
  directories:
    description: Absolute paths of the directories to archive. One that does not exist is named in RV(left_out).
    type: list
    elements: path
    required: true
  excludes:
    description:
      - Patterns of paths to exclude, with the wildcards of a shell.
      - A pattern that starts with a slash matches the whole path, any other one as many of its last parts as it has.
        V(.kube/cache) matches the directory C(cache) in any C(.kube).
    type: list
    elements: str
    default: []
  max_mb:
    description: Maximum size of all files, in MiB before compression.
    type: int
    default: 200
  archive:
    description:
      - Path of the archive, a C(.tar.gz) of mode V(0600). It belongs to the owner of its directory, so that a login
        user can fetch what root has read.
      - Siblings of that directory with the same name up to the first dot that are older than an hour are removed,
        because killed runs left them.
    type: path
    required: true
  timeout:
    description: Timeout for the archiving, in seconds.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Create a directory for the archive
  ansible.builtin.tempfile:
    state: directory
    path: /var/tmp
    prefix: classroom-harvest.
  register: place

- name: Store the files of the students in an archive
  classroom.kubeadm.harvest_files:
    directories: [/root, /home]
    excludes: [.cache, .kube/cache]
    archive: "{{ place.path }}/files.tar.gz"
"""

RETURN = r"""
files:
  description: Number of files and links.
  returned: success
  type: int
  sample: 42
size:
  description: Size of the files in bytes before compression.
  returned: success
  type: int
  sample: 123456
left_out:
  description: Messages about what was skipped.
  returned: success
  type: list
  elements: str
  sample:
    - /home/student/agent.sock is a socket, a pipe or a device.
missing:
  description:
    - The messages of RV(left_out) about files that could not be read. Sockets, file systems of other hosts and files
      that changed meanwhile are not among them.
    - It has to be empty before the files are deleted.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import files as harvest_files

OPTIONS: dict[str, Any] = {
    "directories": {"type": "list", "elements": "path", "required": True},
    "excludes": {"type": "list", "elements": "str", "default": []},
    "max_mb": {"type": "int", "default": 200},
    "archive": {"type": "path", "required": True},
    "timeout": {"type": "int", "default": 600},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Read the sizes, write the archive unless in check mode, and report."""
    root = Root()
    spec = harvest_files.FilesSpec(
        tuple(params["directories"]), tuple(params["excludes"]), params["max_mb"] * harvest_files.MEBIBYTE)
    found = harvest_files.survey(root, spec)
    if not check_mode:
        harvest_files.sweep(os.path.dirname(params["archive"]))
        harvest_files.pack(root, run, found, params["archive"], params["timeout"])
    return Outcome({
        "changed": True, "files": found.files, "size": found.size, "left_out": found.left_out,
        "missing": found.missing})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
