#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_preload
short_description: Pull images into the container runtime before they are needed
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Pulls the images that the container runtime does not have yet, several at a time.
  - A failed pull does not stop the others; the error names all images that failed.
  - An image that is present under its name is not updated, even if its registry has a newer one.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: Without a runtime or kubeadm, as on a new host, it predicts that images will be pulled.
options:
  images:
    description:
      - References of images. The default registry is docker.io, the default tag V(latest).
    type: list
    elements: str
    default: []
  kubeadm_images:
    description:
      - The role of the host for which the images of the installed kubeadm are added, as C(kubeadm config images list)
        prints them. A V(worker) needs only those of kube-proxy, DNS and pause. V(none) adds no images.
    type: str
    choices: [none, control_plane, worker]
    default: none
  wait:
    description:
      - Whether to wait until the images are present.
      - V(false) starts each pull as a transient unit of systemd (C(classroom-kubeadm-pull-IMAGE)) and returns at once,
        so failures are not reported. It is meant for images that a kubelet pulls anyway if they are missing.
    type: bool
    default: true
  cri_socket:
    description:
      - The CRI socket of the container runtime, which is containerd or CRI-O.
      - CRI-O has no client for loading images, so crictl or skopeo is used, whichever is installed. Without both,
        O(wait=false) does nothing, and O(wait=true) is an error.
    type: str
    default: unix:///run/containerd/containerd.sock
  hosts_dir:
    description:
      - The directory of containerd's registry configurations, which name mirrors. CRI-O does not use it.
    type: path
    default: /etc/containerd/certs.d
  parallel:
    description:
      - How many images are pulled at the same time.
    type: int
    default: 3
  retries:
    description:
      - How often a failed pull is repeated. It is not repeated if the registry does not have the image.
    type: int
    default: 2
  timeout:
    description:
      - The timeout of one pull, in seconds.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Pull the images of the control plane before kubeadm init
  classroom.kubeadm.image_preload:
    kubeadm_images: control_plane
    images:
      - ghcr.io/flannel-io/flannel:v0.28.4

- name: Start to pull the images of a worker while its control plane is initialized
  classroom.kubeadm.image_preload:
    kubeadm_images: worker
    wait: false
"""

RETURN = r"""
images:
  description: The result for every image.
  returned: always, once the images are known
  type: list
  elements: dict
  contains:
    image:
      description: The full reference of the image.
      type: str
    state:
      description:
        - The state is V(present) if the image was present before, V(pulled) if it was pulled, V(started) without
          O(wait), V(missing) in check mode, or V(failed).
      type: str
    seconds:
      description: The duration of the pull, in seconds.
      type: float
    detail:
      description: The reason of a failure, otherwise empty.
      type: str
  sample:
    - image: registry.k8s.io/pause:3.10.2
      state: pulled
      seconds: 0.4
      detail: ""
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
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
from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime.runtimes import CONTAINERD

OPTIONS: dict[str, Any] = {
    "images": {"type": "list", "elements": "str", "default": []},
    "kubeadm_images": {"type": "str", "choices": ["none", "control_plane", "worker"], "default": "none"},
    "wait": {"type": "bool", "default": True},
    "cri_socket": {"type": "str", "default": CONTAINERD.uri},
    "hosts_dir": {"type": "path", "default": "/etc/containerd/certs.d"},
    "parallel": {"type": "int", "default": 3},
    "retries": {"type": "int", "default": 2},
    "timeout": {"type": "int", "default": 600},
}


def survey(params: Mapping[str, Any], check_mode: bool, backend: Backend) -> tuple[list[Image], str]:
    """Return the states of the desired images; in check mode also why they are unknown, otherwise an empty text."""
    references = list(params["images"])
    reason = ""
    present: set[str] = set()
    try:
        if params["kubeadm_images"] != "none":
            references += kubeadm_images(params["kubeadm_images"])
        present = backend.present(map(full_reference, references))
    except RuntimeUnreachable as error:
        if not check_mode:
            raise
        reason = error.reason
    return states(references, present), reason


def as_steps(images: list[Image], reason: str) -> list[Change]:
    """Return the changes: the images that are missing, with the reason."""
    why = reason or "not in the container runtime"
    missing = [image for image in images if image.state != PRESENT]
    steps = [Change("image", image.image, "absent", "present", why) for image in missing]
    return steps or ([Change("images", "of kubeadm", "unknown", "present", reason)] if reason else [])


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Load missing images unless in check mode, and return the state of each."""
    backend = backend_for(params["cri_socket"], hosts_dir=params["hosts_dir"], timeout=params["timeout"])
    if backend.unable and not params["wait"]:
        return Outcome({"changed": False, "images": [], "msg": backend.unable})
    if backend.unable:
        raise ClassroomError(
            "Images cannot be loaded into the container runtime: expected a program that loads them, found none: "
            f"{backend.unable}. Install crictl (package cri-tools) or skopeo, or set wait to false.")
    with host_lock.changing(check_mode):
        images, reason = survey(params, check_mode, backend)
        steps = as_steps(images, reason)
        if not check_mode and params["wait"]:
            images = pull_missing(images, backend, parallel=params["parallel"], retries=params["retries"])
        elif not check_mode:
            images = start_missing(images, backend)
    problem = failures(images)
    changed = any(image.state in (PULLED, STARTED) for image in images) if problem else bool(steps)
    values = {"changed": changed, "images": [asdict(image) for image in images], "diff": as_diff(steps)}
    return Outcome(values, failure=problem)


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
