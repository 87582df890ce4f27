#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: package_extract
short_description: Extract a program from a package file
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Copies a program from a deb or rpm package without installing the package, for a host that only needs the output of
    the program, or that has no package manager of that family.
  - It needs dpkg-deb for deb packages, and rpm2cpio, rpmkeys and cpio for rpm packages.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: If the package file does not exist yet, it predicts that the program will change.
options:
  package:
    description:
      - The path of the package file.
    type: path
    required: true
  program:
    description:
      - The path of the program in the package.
    type: str
    required: true
  path:
    description:
      - The path where the program is stored.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Extract this release of kubeadm, to list its images
  classroom.kubeadm.package_extract:
    package: /var/cache/course/packages/kubeadm_1.36.3-1.1_amd64.deb
    program: /usr/bin/kubeadm
    path: /var/cache/course/bin/kubeadm
"""

RETURN = r"""
checksum:
  description: The SHA-256 checksum of the program, empty if check mode predicts the change.
  returned: success
  type: str
  sample: 9f2e69784e1a8f5687191a89ea261d1c7cdbfea02d806d7b328c50b07c90d1ce
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import programs
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import checksum_of
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file

OPTIONS: dict[str, Any] = {
    "package": {"type": "path", "required": True},
    "program": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
}


def place(params: Mapping[str, Any], check_mode: bool, work: str) -> tuple[list[Change], str]:
    """Store the program at its path and return the changes and its checksum."""
    package, program, path = (params[name] for name in ("package", "program", "path"))
    if check_mode and not os.path.exists(package):
        return [Change("program", path, "", program, f"{package} does not exist yet")], ""
    programs.require(package_file.unpacking_tools(package))
    found = package_file.unpack(package, program, work)
    checksum = checksum_of(found)
    if checksum_of(path) == checksum and os.access(path, os.X_OK):
        return [], checksum
    reason = "it is missing" if not os.path.exists(path) else "it is another one"
    if not check_mode:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fresh = path + ".classroom-new"
        shutil.copyfile(found, fresh)
        os.chmod(fresh, 0o755)
        os.replace(fresh, path)
    return [Change("program", path, "", f"{program} of {os.path.basename(package)}", reason)], checksum


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Store the program unless in check mode, and return its checksum."""
    try:
        with tempfile.TemporaryDirectory(prefix="classroom-package-") as work:
            steps, checksum = place(params, check_mode, work)
    except OSError as error:
        raise ClassroomError("The program cannot be stored: expected it in {}, found: {}.".format(
            params["path"], error)) from error
    return Outcome({"changed": bool(steps), "checksum": checksum, "diff": as_diff(steps)})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
