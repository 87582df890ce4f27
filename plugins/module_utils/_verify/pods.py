# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods that a cluster is proved with: one on every node, in a namespace of their own."""

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
# After this long, a namespace made on another machine is nobody's any more
ABANDONED_SECONDS = 3600

SELECTOR = "{}%3Dverify".format(LABEL.replace("/", "%2F"))


def new_namespace() -> str:
    """A name that no other proof uses, running or left behind."""
    return f"{NAME}-{secrets.token_hex(4)}"


def manifest(namespace: str, image: str, owner: str) -> str:
    """Namespace, service account and DaemonSet as one List in JSON, in the order that they need each other.

    The pods tolerate everything, take nothing, may do nothing (the strictest pod security standard admits them) and
    end at once. Their own service account spares the wait for the controller that makes a namespace's default one.
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
    """This process in words that a later one on the same machine can check."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        return f"{socket.gethostname()}/{boot.read().strip()}/{os.getpid()}/{_started(os.getpid())}"


def abandoned(namespaces: Sequence[Mapping[str, Any]], me: str, now: float | None = None) -> list[str]:
    """Names of namespaces whose proof was killed before it could remove them."""
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
    """When a process began, in ticks since boot; tells it from a later one with the same number."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            # The second field, the command in parentheses, may contain anything
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""
