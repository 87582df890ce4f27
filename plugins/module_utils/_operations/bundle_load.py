# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module bundle_load."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._bundle import lock as bundle_lock
from .._bundle import registry_load
from .._core import disk_space, host_lock
from .._core.errors import ClassroomError
from .._core.operation import Operation, Outcome
from .._core.plan import Change, as_diff
from .._host import server_certificate
from .._images.registry import Registry, RegistryUnreachable

ENDPOINT_OPTIONS: dict[str, Any] = {
    "port": {"type": "int", "required": True},
    "directory": {"type": "path", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "renew_days": {"type": "int", "default": 30},
    "exclusive": {"type": "bool", "default": True},
}
OPTIONS: dict[str, Any] = {
    "bundle": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["loaded", "verified"], "default": "loaded"},
    "registry": {"type": "str"},
    "storage": {"type": "path"},
    "endpoint": {"type": "dict", "options": ENDPOINT_OPTIONS},
    "stamp": {"type": "path", "default": bundle_lock.STAMP},
}
RULES: dict[str, Any] = {"required_if": [("state", "loaded", ["registry"])]}


def verify(params: Mapping[str, Any], check_mode: bool, lock: bundle_lock.Lock) -> bool:
    """Verify the bundle with its lock and return whether its files had to be read; raise ClassroomError."""
    bundle, stamp = params["bundle"], params["stamp"]
    found = bundle_lock.traits(bundle, lock)
    if bundle_lock.is_stamped(stamp, bundle, lock, found):
        return False
    problems = bundle_lock.problems(bundle, lock)
    if problems:
        raise ClassroomError("\n".join(problems))
    if not check_mode:
        bundle_lock.write_stamp(stamp, bundle, lock, found)
    return True


def load(params: Mapping[str, Any], check_mode: bool, lock: bundle_lock.Lock, copies: bool) -> list[Change]:
    """Find the missing images of the registry, copy them if `copies`, and return them as changes."""
    desired = registry_load.images(lock.images)
    registry = Registry(params["registry"])
    unreachable = False
    try:
        steps = registry_load.steps(desired, registry)
    except RegistryUnreachable:
        if copies and not check_mode:
            raise
        unreachable = True
        steps = registry_load.predicted(desired, f"the registry at {registry.address} is not reachable yet")
    lacking = [image for image in desired if image.reference in {step.target for step in steps}]
    layout = "{}/oci".format(params["bundle"])
    if lacking and params["storage"]:
        disk_space.require(params["storage"], registry_load.weight(layout, lacking), "the bundle's images")
    if lacking and copies and not unreachable and not check_mode:
        registry_load.fill(layout, lacking, registry)
    return steps


def presented(endpoint: dict[str, Any] | None) -> dict[str, Any]:
    """Return the certificate of the web server, as a part of the module's result."""
    if endpoint is None:
        return {}
    given = dict(endpoint)
    port = given.pop("port")
    spec = server_certificate.CertificateSpec(**dict(given, names=tuple(given["names"])))
    return {"certificate": asdict(server_certificate.presented(spec, port, time.time()))}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Verify the bundle, load its images unless it is only verified, and return what was done."""
    loads = params["state"] == "loaded"
    try:
        with host_lock.changing(check_mode):
            lock = bundle_lock.read(params["bundle"])
            read = verify(params, check_mode, lock)
            steps = load(params, check_mode, lock, loads) if params["registry"] else []
        shown = presented(params["endpoint"])
    except bundle_lock.BundleMissing as error:
        if not check_mode:
            raise
        lock, read = bundle_lock.Lock("", {}, {}), False
        shown = presented(params["endpoint"])
        steps = [Change("bundle", params["bundle"], "absent", "in the registry", str(error))]
    served = bool(params["registry"]) and not steps
    if not loads:
        steps = []
    copied = [step.target for step in steps if step.target in lock.images]
    return Outcome({
        "changed": bool(steps), "images": len(lock.images), "copied": copied, "read": read, "served": served,
        "diff": as_diff(steps), **shown})


OPERATION = Operation(OPTIONS, perform, RULES)
