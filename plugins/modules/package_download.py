#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: package_download
short_description: Download packages of exact versions with apt or dnf, independently of the host's configuration
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Downloads package files from signed repositories into a directory and installs nothing. apt or dnf does it with
    temporary sources, keys, lists and caches; those of the host are neither read nor changed, and the host need not be
    of the family of the packages.
  - Only the named packages are downloaded, without their dependencies.
  - A file gets its name when it is complete and verified, with the signed lists for apt, with the signatures of the
    packages for dnf. Existing files are kept.
  - A proxy is taken from the environment variables C(http_proxy) and C(https_proxy).
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: It queries the repositories and reports the packages that it would download.
options:
  family:
    description:
      - The package family.
      - V(apt) downloads deb packages with apt-get.
      - V(rpm) downloads rpm packages with dnf 4 and its plugin C(download).
    type: str
    choices: [apt, rpm]
    required: true
  repositories:
    description:
      - The repositories. A package is taken from the first one that has a matching version.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A name for the repository, used in file names.
        type: str
        required: true
      uri:
        description: The address of the repository. For V(rpm) it is that of the directory with C(repodata).
        type: str
        required: true
      suite:
        description: The suite, for V(apt) only. C(./) is a flat repository.
        type: str
        default: ./
      components:
        description: The components of the suite, for V(apt) only.
        type: list
        elements: str
        default: []
      signed_by:
        description: The public key of the repository, as ASCII-armoured text.
        type: str
        required: true
      fingerprints:
        description: Fingerprints that the primary keys may have. If empty, every key is accepted.
        type: list
        elements: str
        default: []
      signed_metadata:
        description: Whether the metadata of the repository is signed, for V(rpm) only.
        type: bool
        default: true
  packages:
    description:
      - The packages to download.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the package.
        type: str
        required: true
      version:
        description:
          - The whole version, or the part of it before the revision of the packager. The default is the newest.
        type: str
  architecture:
    description:
      - The architecture of the packages, V(amd64) or V(arm64). The default is that of the host.
    type: str
  directory:
    description:
      - The directory of the files. It is created if it is missing.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Download the packages of this release
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
  description: Paths of the package files, in the order of O(packages).
  returned: success
  type: list
  elements: str
  sample: [/var/cache/course/packages/kubeadm_1.36.3-1.1_amd64.deb]
packages:
  description: Whole versions of the packages by name.
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
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space, programs, run_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import download as package_download
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.download import Found
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Package, Repository

DOWNLOADERS: dict[str, Callable[[str, str], package_download.Downloader]] = {
    package_file.APT: package_download.AptDownloader, package_file.RPM: package_download.DnfDownloader,
}
_TEXT: dict[str, Any] = {"type": "str", "required": True}
OPTIONS: dict[str, Any] = {
    "family": {"type": "str", "choices": ["apt", "rpm"], "required": True},
    "repositories": {"type": "list", "elements": "dict", "required": True, "options": {
        "name": _TEXT, "uri": _TEXT, "suite": {"type": "str", "default": "./"},
        "components": {"type": "list", "elements": "str", "default": []}, "signed_by": _TEXT,
        "fingerprints": {"type": "list", "elements": "str", "default": []},
        "signed_metadata": {"type": "bool", "default": True},
    }},
    "packages": {"type": "list", "elements": "dict", "required": True, "options": {
        "name": _TEXT, "version": {"type": "str"},
    }},
    "architecture": {"type": "str"},
    "directory": {"type": "path", "required": True},
}


def repositories(params: Mapping[str, Any]) -> list[Repository]:
    """Return the repositories of the module's parameters."""
    return [
        Repository(
            name=each["name"], uri=each["uri"], signed_by=each["signed_by"], suite=each["suite"],
            components=tuple(each["components"]), fingerprints=tuple(each["fingerprints"]),
            signed_metadata=each["signed_metadata"])
        for each in params["repositories"]
    ]


def download(params: Mapping[str, Any], check_mode: bool, work: str) -> tuple[list[Change], list[Found]]:
    """Download missing packages; return the changes, and all packages of the parameters."""
    architecture = params["architecture"] or package_file.machine_architecture()
    downloader = DOWNLOADERS[params["family"]](os.path.join(work, "root"), architecture)
    wanted = [Package(each["name"], each["version"]) for each in params["packages"]]
    found = package_download.find(downloader, repositories(params), wanted)
    lacking = [each for each in found if not each.is_in(params["directory"])]
    if lacking and not check_mode:
        disk_space.require(params["directory"], sum(each.size for each in lacking), "packages")
        fetch(downloader, lacking, params["directory"])
    steps = [
        Change("package", each.file, "", f"{each.size} bytes from {each.repository.uri}", "it is missing")
        for each in lacking
    ]
    return steps, found


def fetch(downloader: package_download.Downloader, lacking: list[Found], directory: str) -> None:
    """Download packages into a directory, each completely or not at all."""
    os.makedirs(directory, exist_ok=True)
    with run_lock.alone(os.path.join(directory, ".running"), directory, 0, lambda _words: None):
        # A killed run may have left it; the lock excludes other runs
        temporary = os.path.join(directory, ".fetching")
        shutil.rmtree(temporary, ignore_errors=True)
        os.mkdir(temporary)
        try:
            downloader.fetch(lacking, temporary)
            for each in lacking:
                os.replace(os.path.join(temporary, each.file), os.path.join(directory, each.file))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Download missing packages unless in check mode, and return all of them."""
    programs.require(package_download.TOOLS[params["family"]])
    try:
        # Not in the directory of Ansible's modules, which may be on a file system without room
        with tempfile.TemporaryDirectory(prefix="classroom-packages-") as work:
            steps, found = download(params, check_mode, work)
    except OSError as error:
        raise ClassroomError("The packages cannot be stored: expected them in {}, found: {}. Correct that and run this "
                             "again.".format(params["directory"], error)) from error
    return Outcome({
        "changed": bool(steps), "files": [os.path.join(params["directory"], each.file) for each in found],
        "packages": {each.name: each.version for each in found}, "diff": as_diff(steps)})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
