#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: package_download
short_description: Download packages of exact versions with apt or dnf, apart from the machine's own configuration
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Fetches package files from signed repositories into a directory and installs nothing. apt or dnf itself does it,
    with sources, keys, lists and caches of its own for the moment; those of the machine are neither read nor changed,
    and the machine need not be of the family that it downloads for.
  - Nothing comes along that is not named; dependencies are packages to be named like all others.
  - A file appears under its name when it is complete and checked, by the signed lists for apt, by the packages' own
    signatures for dnf. Files that are there already are kept.
  - A proxy is taken from the environment, C(http_proxy) and C(https_proxy).
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: It asks the repositories and says what it would fetch.
options:
  family:
    description:
      - V(apt) for deb packages, with apt-get, or V(rpm), with dnf 4 and its plugin C(download).
    type: str
    choices: [apt, rpm]
    required: true
  repositories:
    description:
      - Where packages come from; a package is taken from the first that has it in a fitting version.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A word for it.
        type: str
        required: true
      uri:
        description: Address; that of the directory with C(repodata) for V(rpm).
        type: str
        required: true
      suite:
        description: For V(apt) only, C(./) for a flat repository.
        type: str
        default: ./
      components:
        description: For V(apt) only.
        type: list
        elements: str
        default: []
      signed_by:
        description: The armored public key.
        type: str
        required: true
      fingerprints:
        description: Fingerprints of which the key must have one; any key if empty.
        type: list
        elements: str
        default: []
      signed_metadata:
        description: For V(rpm) only, whether the repository's own lists are signed.
        type: bool
        default: true
  packages:
    description:
      - What to fetch.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The package's name.
        type: str
        required: true
      version:
        description: The whole version, or the part of it before the packager's revision; the newest if not given.
        type: str
  architecture:
    description:
      - V(amd64) or V(arm64); that of this machine if not given.
    type: str
  directory:
    description:
      - Where the files are to be.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: The packages of this release are there
  classroom.kubeadm.package_download:
    family: apt
    repositories:
      - name: kubernetes
        uri: https://pkgs.k8s.io/core:/stable:/v1.36/deb/
        signed_by: "{{ lookup('ansible.builtin.file', 'kubernetes.asc') }}"
    packages:
      - {name: kubeadm, version: 1.36.3}
      - {name: kubernetes-cni}
    directory: /var/cache/course/packages
"""

RETURN = r"""
files:
  description: Paths of the packages, in the order of the wish.
  returned: success
  type: list
  elements: str
  sample: [/var/cache/course/packages/kubeadm_1.36.3-1.1_amd64.deb]
packages:
  description: Whole versions by name.
  returned: success
  type: dict
  contains:
    <package>:
      description: Version of the package.
      type: str
  sample: {"kubeadm": "1.36.3-1.1"}
"""

import os
import shutil
import tempfile
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space, programs, run_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import download as package_download
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.download import Found
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Package, Repository

ROADS: dict[str, Callable[[str, str], package_download.Downloader]] = {
    package_file.APT: package_download.AptRoad, package_file.RPM: package_download.DnfRoad,
}


def repositories(module: AnsibleModule) -> list[Repository]:
    return [
        Repository(
            name=each["name"], uri=each["uri"], signed_by=each["signed_by"], suite=each["suite"],
            components=tuple(each["components"]), fingerprints=tuple(each["fingerprints"]),
            signed_metadata=each["signed_metadata"])
        for each in module.params["repositories"]
    ]


def download(module: AnsibleModule, work: str) -> tuple[list[Change], list[Found]]:
    """What has to come, and all that was asked for."""
    params = module.params
    architecture = params["architecture"] or package_file.machine_architecture()
    road = ROADS[params["family"]](os.path.join(work, "root"), architecture)
    wanted = [Package(each["name"], each["version"]) for each in params["packages"]]
    found = package_download.find(road, repositories(module), wanted)
    lacking = [each for each in found if not each.is_in(params["directory"])]
    if lacking and not module.check_mode:
        disk_space.require(params["directory"], sum(each.size for each in lacking), "packages")
        fetch(road, lacking, params["directory"])
    steps = [
        Change("package", each.file, "", f"{each.size} bytes from {each.repository.uri}", "it is not there")
        for each in lacking
    ]
    return steps, found


def fetch(road: package_download.Downloader, lacking: list[Found], directory: str) -> None:
    """Have the packages in the directory, each complete or not at all."""
    os.makedirs(directory, exist_ok=True)
    with run_lock.alone(os.path.join(directory, ".running"), directory, 0, lambda _words: None):
        # Of a killed run; nobody else is at work here
        aside = os.path.join(directory, ".fetching")
        shutil.rmtree(aside, ignore_errors=True)
        os.mkdir(aside)
        try:
            road.fetch(lacking, aside)
            for each in lacking:
                os.replace(os.path.join(aside, each.file), os.path.join(directory, each.file))
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def main() -> None:
    text: dict[str, object] = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "family": {"type": "str", "choices": ["apt", "rpm"], "required": True},
            "repositories": {"type": "list", "elements": "dict", "required": True, "options": {
                "name": text, "uri": text, "suite": {"type": "str", "default": "./"},
                "components": {"type": "list", "elements": "str", "default": []}, "signed_by": text,
                "fingerprints": {"type": "list", "elements": "str", "default": []},
                "signed_metadata": {"type": "bool", "default": True},
            }},
            "packages": {"type": "list", "elements": "dict", "required": True, "options": {
                "name": text, "version": {"type": "str"},
            }},
            "architecture": {"type": "str"},
            "directory": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        programs.require(package_download.TOOLS[module.params["family"]])
        # Not in the directory of Ansible's modules, which may be on a file system without room
        with tempfile.TemporaryDirectory(prefix="classroom-packages-") as work:
            steps, found = download(module, work)
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="Wanted packages in {}, found: {}.".format(module.params["directory"], error))
    files = [os.path.join(module.params["directory"], each.file) for each in found]
    versions = {each.name: each.version for each in found}
    module.exit_json(changed=bool(steps), files=files, packages=versions, diff=as_diff(steps))


if __name__ == "__main__":
    main()
