#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_manifest
short_description: Apply a manifest to a cluster
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Applies the objects of a manifest with C(kubectl apply --server-side), but only if C(kubectl diff) shows a
    difference.
  - Can wait until the workloads of the manifest are rolled out.
  - Needs only C(kubectl) and a kubeconfig on the managed host, and no Python library.
  - Objects of a former version of the manifest stay if a newer version no longer contains them.
extends_documentation_fragment:
  - classroom.kubeadm.kubectl
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details:
      - The API server itself computes the difference.
      - Without kubectl, kubeconfig or API server, as before an installation, a change is predicted.
  diff_mode:
    details: Values of Secrets are masked.
options:
  content:
    description:
      - The manifest, as one or more YAML documents.
      - It is not shown in any output, because it may contain Secrets.
    type: str
  path:
    description:
      - The path of the manifest on the managed host, a file or a directory of files.
    type: path
  url:
    description:
      - The URL of the manifest, which the managed host fetches.
      - A URL without TLS (C(http://)), also one to which a server redirects, is rejected unless O(checksum) is given.
    type: str
  checksum:
    description:
      - The SHA-256 digest of the manifest at O(url), as 64 hexadecimal digits, optionally after C(sha256:).
      - A manifest with another digest is rejected.
    type: str
    default: ""
  force_conflicts:
    description:
      - Whether fields of the manifest that another manager set, for example with C(kubectl edit), are overwritten.
      - By default the manifest decides about all fields that it contains, as users of Ansible expect, and check mode
        shows the difference. Other fields keep their managers.
      - With V(false) such a field is an error that names the field and its manager.
    type: bool
    default: true
  wait_for:
    description:
      - The workloads to wait for, even if nothing was changed, so that a run completes an interrupted one.
      - Check mode does not wait.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind of the workload.
        type: str
        choices: [DaemonSet, Deployment, StatefulSet]
        required: true
      name:
        description: The name of the workload.
        type: str
        required: true
      namespace:
        description: The namespace of the workload.
        type: str
        default: default
  timeout:
    description:
      - The timeout for O(wait_for), and for fetching O(url), in seconds.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Apply the pod network and wait for it
  classroom.kubeadm.cluster_manifest:
    content: "{{ lookup('ansible.builtin.template', 'flannel.yml.j2') }}"
    wait_for:
      - kind: DaemonSet
        name: kube-flannel-ds
        namespace: kube-flannel

- name: Apply a manifest of the host
  classroom.kubeadm.cluster_manifest:
    path: /srv/manifests/storage.yml
"""

RETURN = r"""
objects:
  description: The objects that differed, as VERSION.KIND.NAMESPACE.NAME, or as KIND.NAME without an API server.
  returned: success
  type: list
  elements: str
  sample: [v1.ConfigMap.kube-flannel.kube-flannel-cfg]
reason:
  description: The reason for applying the manifest, empty if nothing differed.
  returned: success
  type: str
  sample: namespace kube-flannel is not in the cluster yet
"""

import hashlib
import os
import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import KUBECTL_SPEC, Kubectl
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.manifest import (
    Difference,
    Manifest,
    Rollout,
    apply,
    await_rollouts,
    difference,
    unknown,
)

ROLLOUT_SPEC = {
    "kind": {"type": "str", "choices": ["DaemonSet", "Deployment", "StatefulSet"], "required": True},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
}


CHECKSUM = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")


class Unavailable(ClassroomError):
    """The manifest is not available, perhaps only because an earlier task did not run in check mode."""


def check_source(url: str, checksum: str) -> None:
    """Reject a URL whose content could be replaced on the network: it is applied with an administrator's rights."""
    if checksum and not CHECKSUM.fullmatch(checksum):
        raise ClassroomError(
            f"The checksum of the manifest {url} is invalid: expected 64 hexadecimal digits (SHA-256), found "
            f"'{checksum}'. Correct it. Nothing was changed.")
    if not checksum and not url.lower().startswith(("https://", "file://")):
        raise ClassroomError(
            f"The manifest {url} could be replaced on its way: expected an https:// URL or a checksum, found neither. "
            "Use https://, or give its SHA-256 as checksum. Nothing was changed.")


def verified(url: str, checksum: str, content: bytes) -> str:
    """Return the content as text. Raises ClassroomError unless it has the checksum, if one is given."""
    found = hashlib.sha256(content).hexdigest()
    if checksum and checksum.lower().split(":")[-1] != found:
        raise ClassroomError(
            f"The manifest {url} has another content: expected SHA-256 {checksum}, found {found}. Compare it with what "
            "its owner publishes. Nothing was changed.")
    return content.decode("utf-8")


def fetched(url: str, checksum: str, timeout: int) -> str:
    """Return the text at a URL. Raises ClassroomError if it cannot be trusted, Unavailable without a response."""
    check_source(url, checksum)
    # Imported only for a URL, because the import takes longer than a call of kubectl
    from ansible.module_utils.urls import open_url

    try:
        answer = open_url(url, timeout=timeout)
        content, final = answer.read(), answer.geturl()
    # open_url raises the errors of several libraries
    except Exception as error:
        raise Unavailable(
            f"The manifest cannot be fetched: expected it at {url}, found: {str(error).rstrip('.')}. Correct the URL, "
            "or copy the manifest to the host and set path."
        ) from error
    # A redirect may lead from https:// to http://
    check_source(final, checksum)
    return verified(url, checksum, content)


def spec(module: AnsibleModule) -> Manifest:
    """Return the manifest that the options name."""
    params = module.params
    if params["path"]:
        if not os.path.exists(params["path"]):
            raise Unavailable(
                "The manifest is missing: expected {}, found no such file. Copy it to this host first.".format(
                    params["path"])
            )
        return Manifest(path=params["path"], force=params["force_conflicts"])
    text = params["content"] if params["url"] is None else fetched(
        params["url"], params["checksum"], params["timeout"])
    if not text.strip():
        raise ClassroomError(
            "The manifest is empty: expected at least one object, found an empty text. Add an object. Nothing was "
            "changed.")
    return Manifest(text=text, force=params["force_conflicts"])


def ensure(module: AnsibleModule, kubectl: Kubectl) -> Difference:
    """Apply the manifest unless in check mode, and return the difference."""
    try:
        manifest = spec(module)
    except Unavailable as error:
        if module.check_mode:
            return unknown(Manifest(), str(error))
        raise
    found = difference(kubectl, manifest, predict=module.check_mode)
    if module.check_mode:
        return found
    if found:
        apply(kubectl, manifest, timeout=30)
    await_rollouts(kubectl, [Rollout(**entry) for entry in module.params["wait_for"]], module.params["timeout"])
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "str", "no_log": True},
            "path": {"type": "path"},
            "url": {"type": "str"},
            "checksum": {"type": "str", "default": ""},
            "force_conflicts": {"type": "bool", "default": True},
            "wait_for": {"type": "list", "elements": "dict", "default": [], "options": ROLLOUT_SPEC},
            "timeout": {"type": "int", "default": 120},
            **KUBECTL_SPEC,
        },
        required_one_of=[("content", "path", "url")],
        mutually_exclusive=[("content", "path", "url")],
        supports_check_mode=True,
    )
    kubectl = Kubectl.of(module.params)
    try:
        found = ensure(module, kubectl)
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(found), objects=found.objects, reason=found.reason, diff=found.as_diff())


if __name__ == "__main__":
    main()
