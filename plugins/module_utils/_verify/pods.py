# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods for the verification of a cluster: one on every node, in a separate namespace."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

NAME = "classroom-verify"
PORT = 8080
LABEL = "classroom.kubeadm/purpose"
OWNER = "classroom.kubeadm/owner"
# A namespace that was created from another host counts as abandoned after this time.
ABANDONED_SECONDS = 3600

SELECTOR = "{}%3Dverify".format(LABEL.replace("/", "%2F"))


def new_namespace() -> str:
    """Return a name that no other verification uses or has left behind."""
    return f"{NAME}-{secrets.token_hex(4)}"


def manifest(namespace: str, image: str, owner: str) -> str:
    """Return namespace, service account and DaemonSet as one List in JSON, in the order of their dependencies.

    The pods tolerate all taints, request no resources, have no privileges (the strictest pod security standard admits
    them) and stop at once. With their own service account they do not wait for the controller that creates the default
    one of a namespace.
    """
    items = [
        {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {LABEL: "verify"}, "annotations": {OWNER: owner}},
        },
        {
            "apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": False,
            "metadata": {"name": NAME, "namespace": namespace},
        },
        {
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": NAME, "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": {"app": NAME}},
                "template": {"metadata": {"labels": {"app": NAME}}, "spec": _pod(image)},
            },
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _pod(image: str) -> dict[str, Any]:
    container = {
        "name": "agnhost", "image": image, "imagePullPolicy": "IfNotPresent",
        "args": ["netexec", f"--http-port={PORT}"],
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "serviceAccountName": NAME, "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0, "tolerations": [{"operator": "Exists"}], "containers": [container],
    }


def this_process() -> str:
    """Return an identifier of this process that a later one on the same host can check."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        return f"{socket.gethostname()}/{boot.read().strip()}/{os.getpid()}/{_started(os.getpid())}"


def abandoned(namespaces: Sequence[Mapping[str, Any]], me: str, now: float | None = None) -> list[str]:
    """Return the names of namespaces whose verification was killed before it could remove them."""
    return [
        namespace["metadata"]["name"]
        for namespace in namespaces
        if _is_abandoned(namespace["metadata"], me, time.time() if now is None else now)
    ]


def _is_abandoned(metadata: Mapping[str, Any], me: str, now: float) -> bool:
    if metadata.get("deletionTimestamp"):
        return False
    owner = (metadata.get("annotations") or {}).get(OWNER, "")
    machine, _slash, process = owner.partition("/")
    if machine == me.partition("/")[0]:
        boot, _slash, rest = process.partition("/")
        pid, _slash, started = rest.partition("/")
        return boot != me.split("/")[1] or not pid.isdigit() or _started(int(pid)) != started
    made = datetime.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return now - made.timestamp() > ABANDONED_SECONDS


def _started(pid: int) -> str:
    """Return the start time of a process in ticks since boot, which distinguishes it from a later one with its ID."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            # The second field, the command in parentheses, may contain spaces and parentheses.
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""
