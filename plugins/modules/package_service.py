#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_service
short_description: Install packages of exact versions and run their services with exactly these files
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Configures a signed repository, installs packages of exactly the desired versions in one transaction (as upgrade or
    downgrade), and holds them, so that an upgrade of the system never changes them. In the Red Hat family a hold is an
    C(exclude=) in the file of that repository, which only the transaction of this module ignores.
  - Then writes the configuration of the services, enables them, starts or restarts them with it, and waits until they
    are ready.
  - Only the list of that one repository is fetched. If it cannot be used (it is unreachable, it or a package is not
    signed with the key, or it lacks the desired version), its former description is restored and no package is changed.
  - An interrupted installation is finished first. A running service is restarted (or reloaded) when a file changed, and
    also when a file is newer than the running process, since an earlier run may have been ended between the two.
  - Packages and services are one call, so that a host in the desired state needs only one connection.
notes:
  - Works with apt in the Debian family, with dnf 4 or 5 in the Red Hat family, and with systemd.
  - Configuration files of the packages that were changed on the host are kept (dpkg's C(--force-confold)); rpm stores
    the version of the package next to them as C(.rpmnew).
  - Installed packages are read from dpkg's status file, or with one query of rpm; on a host in the desired state
    neither apt nor dnf is run.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details:
      - Check mode causes no network traffic. Only a real run checks whether the repository has the versions.
      - A unit that is not installed yet is expected to be installed by the real run.
options:
  repository:
    description:
      - The repository of the packages. Without it, the package sources of the host are used.
    type: dict
    suboptions:
      name:
        description:
          - The name of the repository on the host, used in file names. In the Red Hat family it is also the
            repository's identifier.
        type: str
        required: true
      uri:
        description:
          - The address of the repository, such as V(http://192.168.90.10/apt). In the Red Hat family it is the value of
            C(baseurl) and may have its variables.
        type: str
        required: true
      suite:
        description: The suite, or the directory of a flat repository with a slash at the end. Only apt uses it.
        type: str
        default: ./
      components:
        description: The components of the suite, none for a flat repository. Only apt uses them.
        type: list
        elements: str
        default: []
      architectures:
        description: The architectures to use. The default is all architectures of the host. Only apt uses them.
        type: list
        elements: str
        default: []
      signed_by:
        description: The public key of the repository, as ASCII-armoured text.
        type: str
        required: true
      fingerprints:
        description:
          - Fingerprints that the primary keys in O(repository.signed_by) may have, as hexadecimal digits. Other keys
            are rejected before any change. Spaces and case are ignored.
          - Without it every key is accepted, so the source of the key must be trusted.
        type: list
        elements: str
        default: []
      description:
        description: The text that dnf shows for the repository, instead of its name.
        type: str
        default: ""
      signed_metadata:
        description:
          - Whether dnf requires a signature of the repository's metadata, too (C(repo_gpgcheck)).
          - Packages must be signed in any case, and apt always requires signed lists.
        type: bool
        default: true
      excludes:
        description:
          - Packages of this repository that dnf excludes in addition to the packages with a version, for example their
            dependencies.
          - They are not written with O(hold=false).
        type: list
        elements: str
        default: []
      redhat_uri:
        description: The address in the Red Hat family, if it is another one than O(repository.uri).
        type: str
        default: ""
      distribution_uris:
        description:
          - Further addresses with the same form and key, by distribution, such as V(debian-13). The host uses that of
            its own distribution. Only apt uses them.
        type: dict
        default: {}
  packages:
    description: The packages to install.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the package.
        type: str
        required: true
      version:
        description:
          - The version of the package. V(1.36.3) accepts every revision of the packager, such as V(1.36.3-1.1);
            V(1.36.3-1.1) is exact.
          - V(1.36) accepts every release with these first two numbers; an installed one is kept.
          - Without it any version from any source of the host is accepted, and the package is not held.
        type: str
  hold:
    description:
      - Whether packages with a version are held, so that upgrades of the system do not change them.
      - In the Red Hat family a hold requires a O(repository).
    type: bool
    default: true
  files:
    description:
      - Files that services read again whenever they need them, so that a change requires no restart, such as
        C(hosts.toml) of containerd or C(registries.conf). They are written before the services are started.
      - Missing directories are created. Owner and group of an existing file are kept.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path of the file.
        type: path
        required: true
      content:
        description:
          - The whole content of the file.
          - Exactly one of O(files[].content) and O(files[].secret_content) is required, unless O(files[].state=absent).
        type: str
      secret_content:
        description: The whole content of the file, which is never shown.
        type: str
      state:
        description: Whether the file exists. V(absent) removes it and needs no content.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: The permission bits of the file, as an octal number in quotes.
        type: str
        default: "0644"
      force:
        description: Whether an existing file is replaced. V(false) writes the file only if it is missing.
        type: bool
        default: true
      owners:
        description:
          - Names of the owners of the content, such as the names of the clusters of an inventory, if several
            inventories write this file. The content is then only their part of it, and parts of other owners stay.
          - Each part begins with a comment, C(# Owner:) and the names. An owner that has got or lost names is
            recognized by the others.
        type: list
        elements: str
        default: []
  services:
    description: Units and the files that they read, in the order in which they are started.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the unit. V(containerd) is short for V(containerd.service).
        type: str
        required: true
      files:
        description:
          - Files that the service reads when it starts, including its unit and drop-ins. Missing directories are
            created.
          - Owner and group of an existing file are kept; a new file belongs to the user of the module.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: The absolute path of the file.
            type: path
            required: true
          content:
            description:
              - The whole content of the file.
              - Exactly one of O(services[].files[].content) and O(services[].files[].secret_content) is required,
                unless O(services[].files[].state=absent).
            type: str
          secret_content:
            description: The whole content of the file, which is never shown.
            type: str
          state:
            description: Whether the file exists. V(absent) removes it and needs no content.
            type: str
            choices: [present, absent]
            default: present
          mode:
            description: The permission bits of the file, as an octal number in quotes.
            type: str
            default: "0644"
          force:
            description: Whether an existing file is replaced. V(false) writes the file only if it is missing.
            type: bool
            default: true
          owners:
            description:
              - Names of the owners of the content, such as the names of the clusters of an inventory, if several
                inventories write this file. The content is then only their part of it, and parts of other owners
                stay.
              - Each part begins with a comment, C(# Owner:) and the names. An owner that has got or lost names is
                recognized by the others.
            type: list
            elements: str
            default: []
          action_on_change:
            description:
              - The action that makes a running service read this file, instead of O(services[].action_on_change).
            type: str
            choices: [restart, reload]
      enabled:
        description:
          - Whether the unit starts at boot. Without it the current setting is kept.
          - Units that cannot be enabled, such as static ones, are not changed.
        type: bool
      state:
        description:
          - Whether the unit runs now.
          - Without it the unit is neither started nor stopped, but a running one is still restarted when a file
            changed.
          - Omit it for a kubelet, which ends and starts again until kubeadm has written its configuration.
        type: str
        choices: [started, stopped]
      action_on_change:
        description:
          - The action that makes a running service read a changed file.
          - A changed unit or drop-in always means a restart.
        type: str
        choices: [restart, reload]
        default: restart
      validate:
        description:
          - A command that validates the files of a directory before they are written. It gets a copy of the directory
            with the new files in it; when it fails, nothing is written and the running service is not changed.
          - In check mode a command that is not installed yet is skipped.
        type: dict
        suboptions:
          command:
            description: The command and its arguments. V({directory}) is replaced by the path of the copy.
            type: list
            elements: str
            required: true
          directory:
            description: The directory that the service reads.
            type: path
            required: true
      brought_by:
        description:
          - The unit is changed only if this collection has installed one of these packages on the host. Without it
            every unit is changed.
          - It is meant for O(services[].state=stopped) of a service that another one replaces.
        type: list
        elements: str
        default: []
      socket:
        description: A Unix socket. The service is ready when it accepts connections.
        type: path
      port:
        description:
          - A TCP port. The service is ready when it accepts connections on the loopback address.
          - Another program on this port is an error, found before the files of the service are changed.
        type: int
      further_ports:
        description: Other TCP ports of the service, on which no other program may listen.
        type: list
        elements: int
        default: []
      timeout:
        description: How long to wait for the socket or port, in seconds.
        type: float
        default: 60
"""

EXAMPLES = r"""
- name: Install, hold and start the container runtime with its configuration
  classroom.kubeadm.package_service:
    repository:
      name: classroom-kubeadm
      uri: http://192.168.90.10:8080/apt
      signed_by: "{{ lookup('ansible.builtin.file', 'classroom-kubeadm.asc') }}"
    packages:
      - {name: containerd, version: 2.4.2}
    files:
      - path: /etc/containerd/certs.d/docker.io/hosts.toml
        content: "{{ lookup('ansible.builtin.template', 'hosts.toml.j2') }}"
    services:
      - name: containerd
        files:
          - path: /etc/containerd/conf.d/50-registry.toml
            content: "{{ lookup('ansible.builtin.template', 'registry.toml.j2') }}"
        enabled: true
        state: started
        socket: /run/containerd/containerd.sock

- name: Install a package in the Red Hat family, where dnf excludes both packages from now on
  classroom.kubeadm.package_service:
    repository:
      name: classroom-kubeadm
      uri: http://192.168.90.10:8080/rpm
      signed_by: "{{ lookup('ansible.builtin.file', 'classroom-kubeadm.asc') }}"
      excludes: [kubernetes-cni]
    packages:
      - {name: kubelet, version: 1.36.3}

- name: Enable the kubelet, which waits for kubeadm
  classroom.kubeadm.package_service:
    services:
      - name: kubelet
        enabled: true
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample:
    - "install kubelet: it is not installed"
    - "restart containerd.service: /etc/containerd/config.toml changed"
changed_files:
  description: Paths of the files that were written or removed (in check mode those that would be).
  returned: success
  type: list
  elements: str
  sample: [/etc/containerd/config.toml]
versions:
  description: The installed versions of the packages.
  returned: success
  type: dict
  contains:
    <package>:
      description: Installed version of the package, empty if it is not installed.
      type: str
  sample: {kubelet: 1.36.3-1.1}
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.package_service import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
