#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fetch_file
short_description: Fetch kubeconfigs, CA certificates and harvests from hosts and validate them
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Treats what a host sends as untrusted. All files of hosts that the collection keeps on the controller pass through
    this module.
  - A kubeconfig is parsed and written again from its values. It must have exactly one cluster, context and user, the
    given server, and CA, client certificate and key as data. C(exec), C(auth-provider), C(token), C(tokenFile),
    C(username), C(password), C(proxy-url), C(insecure-skip-tls-verify), files such as C(client-key), and everything
    else that kubeadm does not write are rejected by name.
  - A CA certificate must be exactly one, and is encoded again.
  - A harvest is the directory that M(classroom.kubeadm.harvest_files) and M(classroom.kubeadm.harvest_objects) filled
    on the host. It becomes a new directory on the controller when it is complete. Its archive of files is listed and
    never unpacked; manifests are named after namespaces, which must be DNS labels.
  - A file is written whole, under a temporary name first. Its content is not part of a difference or of any output up
    to C(-vvvvv); C(ANSIBLE_DEBUG) shows everything that hosts answer and must not be set where secrets are fetched.
  - Links above the directory that the inventory names are followed. That directory itself, and what is below it, must
    be real directories and regular files.
  - Small files have at most 1 MiB. Transfers of a harvest are limited by RLIMIT_FSIZE of the task's process on the
    controller, which sftp inherits. With the connection C(ssh) and the transfer method C(smart) only sftp is used.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  diff_mode:
    description: The content may be secret, and is not shown.
    support: none
options:
  format:
    description: Type of the fetched file, which determines how it is validated.
    type: str
    choices: [kubeconfig, ca_certificate, harvest]
    required: true
  src:
    description:
      - Path of the file on the host, for V(harvest) of the directory. An absolute path of letters, digits and plain
        punctuation.
      - Required when O(state=present), unless O(content) is given.
    type: path
  content:
    description: A certificate that the host has already reported, in place of O(src).
    type: str
  dest:
    description:
      - Path of the file on the controller, absolute or relative to the working directory, for V(harvest) of the
        new directory. It must come from the inventory.
      - With O(directory) a path below it.
    type: path
    required: true
  directory:
    description: Directory on the controller below which no link is followed. The default is the one of O(dest).
    type: path
  mode:
    description: Mode of the file on the controller, in octal digits. A harvest is always for its owner alone.
    type: str
    default: "0600"
  state:
    description: Whether the file exists on the controller. V(absent) removes it without a connection to the host.
    type: str
    choices: [present, absent]
    default: present
  kubeconfig:
    description:
      - Expected values of a kubeconfig from the inventory. Required when O(format=kubeconfig) and O(state=present).
      - With O(state=absent) a kubeconfig of another cluster or user is not removed.
    type: dict
    suboptions:
      server:
        description: Host and port of the API server. Required when O(state=present).
        type: str
      cluster:
        description: Name of the cluster in the file.
        type: str
        required: true
      user:
        description: User of the client certificate (CN), which is also the name of the user in the file.
        type: str
        required: true
      groups:
        description: Groups that the client certificate may have (O).
        type: list
        elements: str
        default: []
      source_sha256:
        description:
          - The SHA-256 of the file on the host, as M(classroom.kubeadm.kubeadm_init) returns it. If the file on the
            controller was written from that file, and not changed since, the host is not called.
        type: str
        default: ""
      namespace:
        description: Namespace of the context, in place of the one in the file of the host.
        type: str
        default: ""
  harvest:
    description: Limits and description of a harvest. Required when O(format=harvest).
    type: dict
    suboptions:
      directories:
        description: The directories that were harvested. Members of the archive outside of them are RV(strangers).
        type: list
        elements: str
        required: true
      max_mb:
        description: The limit given to M(classroom.kubeadm.harvest_files), in MiB before compression.
        type: int
        default: 200
      objects:
        description: Whether there are manifests.
        type: bool
        default: false
      objects_max_mb:
        description: Maximum size of all manifests, in MiB.
        type: int
        default: 64
      contents:
        description: Values to write to C(contents.yml), to which RV(strangers) is added.
        type: dict
        default: {}
"""

EXAMPLES = r"""
- name: Fetch the admin kubeconfig to the controller
  classroom.kubeadm.fetch_file:
    format: kubeconfig
    src: /etc/kubernetes/admin.conf
    dest: kubeconfig/lab.conf
    kubeconfig:
      server: 192.168.90.100:6443
      cluster: lab
      user: kubernetes-admin
      groups: [kubeadm:cluster-admins]

- name: Fetch the harvest of a host
  classroom.kubeadm.fetch_file:
    format: harvest
    src: /var/tmp/classroom-harvest.1
    directory: harvest
    dest: 2026-11-21T110502Z/node1
    harvest:
      directories: [/root, /home]
"""

RETURN = r"""
dest:
  description: Path of the file on the controller, or of the directory of a harvest.
  returned: success
  type: str
  sample: kubeconfig/lab.conf
reason:
  description: Reason why the file was, or would be, written. Empty when it is up to date.
  returned: success
  type: str
  sample: its content is another
certificate:
  description: The certificate as it is written.
  returned: when O(format=ca_certificate) and O(state=present)
  type: str
  sample: "-----BEGIN CERTIFICATE-----\n..."
strangers:
  description:
    - Messages about members of the archive that the harvested directories cannot contain, and about an archive that
      cannot be listed.
  returned: when O(format=harvest)
  type: list
  elements: str
  sample: ["'etc/cron.d/job': outside of the harvested directories"]
namespaces:
  description: Namespaces with manifests.
  returned: when O(format=harvest)
  type: list
  elements: str
  sample: [student]
"""
