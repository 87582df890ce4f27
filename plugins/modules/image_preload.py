#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_preload
short_description: Have images in the container runtime before they are needed
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Pulls the images that the container runtime does not have yet, several at a time.
  - An image that cannot be pulled does not keep the others from being pulled; the error names all that failed.
  - An image that is there under its name is left as it is, whatever its registry has meanwhile.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: Without a runtime or kubeadm, as on a machine that is still bare, it predicts that images will be pulled.
options:
  images:
    description:
      - References of images. A name without registry is one of docker.io, one without tag has V(latest).
    type: list
    elements: str
    default: []
  kubeadm_images:
    description:
      - Whether the images that the installed kubeadm wants, as C(kubeadm config images list) prints them, are added,
        and for which role of the machine. A V(worker) needs those of kube-proxy, DNS and pause only.
    type: str
    choices: [none, control_plane, worker]
    default: none
  wait:
    description:
      - Whether to wait until the images are there.
      - V(false) leaves each pull to a transient unit of systemd (C(classroom-kubeadm-pull-IMAGE)) and returns at once.
        Nobody looks at its end then. It suits images that a kubelet pulls anyway when they are not there in time.
    type: bool
    default: true
  cri_socket:
    description:
      - CRI socket of the container runtime, containerd's or CRI-O's.
      - CRI-O has no program of its own to load images with - crictl or skopeo does it, whichever is there. With neither
        O(wait=false) does nothing, and O(wait=true) is an error.
    type: str
    default: unix:///run/containerd/containerd.sock
  hosts_dir:
    description:
      - containerd's directory of registry configurations, in which mirrors are named. CRI-O knows its own.
    type: path
    default: /etc/containerd/certs.d
  parallel:
    description:
      - How many images are pulled at the same time.
    type: int
    default: 3
  retries:
    description:
      - How often a pull that failed is tried again. What a registry does not have is not tried again.
    type: int
    default: 2
  timeout:
    description:
      - Seconds that one pull may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: The images of the control plane are there before kubeadm init
  classroom.kubeadm.image_preload:
    kubeadm_images: control_plane
    images:
      - ghcr.io/flannel-io/flannel:v0.28.4

- name: A worker's images load while its control plane is initialised
  classroom.kubeadm.image_preload:
    kubeadm_images: worker
    wait: false
"""

RETURN = r"""
images:
  description: What became of every image.
  returned: always, once the images are known
  type: list
  elements: dict
  contains:
    image:
      description: Full reference.
      type: str
    state:
      description: V(present) before, V(pulled) now, V(started) without O(wait), V(missing) in check mode, or V(failed).
      type: str
    seconds:
      description: How long its pull took.
      type: float
    detail:
      description: Why it failed.
      type: str
  sample:
    - image: registry.k8s.io/pause:3.10.2
      state: pulled
      seconds: 0.4
      detail: ""
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime.images import (
    PRESENT,
    PULLED,
    STARTED,
    Backend,
    Image,
    RuntimeUnreachable,
    backend_for,
    failures,
    full_reference,
    kubeadm_images,
    pull_missing,
    start_missing,
    states,
)


def survey(module: AnsibleModule, backend: Backend) -> tuple[list[Image], str]:
    """The wished images and whether they are there; in check mode with the reason why nobody could be asked."""
    references = list(module.params["images"])
    reason = ""
    present: set[str] = set()
    try:
        if module.params["kubeadm_images"] != "none":
            references += kubeadm_images(module.params["kubeadm_images"])
        present = backend.present(map(full_reference, references))
    except RuntimeUnreachable as error:
        if not module.check_mode:
            raise
        reason = error.reason
    return states(references, present), reason


def as_steps(images: list[Image], reason: str) -> list[Change]:
    """The images that are, or have to be, pulled, and why."""
    why = reason or "not in the container runtime"
    missing = [image for image in images if image.state != PRESENT]
    steps = [Change("image", image.image, "absent", "present", why) for image in missing]
    return steps or ([Change("images", "of kubeadm", "unknown", "present", reason)] if reason else [])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "default": []},
            "kubeadm_images": {"type": "str", "choices": ["none", "control_plane", "worker"], "default": "none"},
            "wait": {"type": "bool", "default": True},
            "cri_socket": {"type": "str", "default": "unix:///run/containerd/containerd.sock"},
            "hosts_dir": {"type": "path", "default": "/etc/containerd/certs.d"},
            "parallel": {"type": "int", "default": 3},
            "retries": {"type": "int", "default": 2},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        backend = backend_for(params["cri_socket"], hosts_dir=params["hosts_dir"], timeout=params["timeout"])
        if backend.unable and not params["wait"]:
            module.exit_json(changed=False, images=[], msg=backend.unable)
        if backend.unable:
            raise ClassroomError(
                f"Wanted images in the container runtime, found nothing to load them with: {backend.unable}. Install "
                "crictl (package "
                "cri-tools) or skopeo, or do without waiting.")
        with host_lock.changing(module.check_mode):
            images, reason = survey(module, backend)
            steps = as_steps(images, reason)
            if not module.check_mode and params["wait"]:
                images = pull_missing(images, backend, parallel=params["parallel"], retries=params["retries"])
            elif not module.check_mode:
                images = start_missing(images, backend)
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    problem = failures(images)
    result = {"images": [asdict(image) for image in images], "diff": as_diff(steps)}
    if problem:
        module.fail_json(msg=problem, changed=any(image.state in (PULLED, STARTED) for image in images), **result)
    module.exit_json(changed=bool(steps), **result)


if __name__ == "__main__":
    main()
