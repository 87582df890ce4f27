# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._verify import pods as verify_pods

ME = verify_pods.this_process()
HOST, BOOT, _PID, STARTED = ME.split("/")
# 2026-07-20T18:00:00Z
NOW = 1784570400.0


def namespace(owner: str, created: str = "2026-07-20T17:59:00Z", **more: Any) -> dict[str, Any]:
    annotations = {verify_pods.OWNER: owner} if owner else {}
    return {"metadata": {"name": "n", "creationTimestamp": created, "annotations": annotations, **more}}


def ended_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (namespace(ME), False),
        (namespace(ME, created="2026-07-01T00:00:00Z"), False),
        (namespace(f"{HOST}/{BOOT}/{ended_process()}/{STARTED}"), True),
        # The number is in use again, by another process
        (namespace("{}/{}/{}/{}".format(HOST, BOOT, os.getpid(), "1")), True),
        (namespace("{}/{}/{}/{}".format(HOST, "another-boot", os.getpid(), STARTED)), True),
        (namespace(f"{HOST}/{BOOT}"), True),
        (namespace("elsewhere/boot/1/1"), False),
        (namespace("elsewhere/boot/1/1", created="2026-07-20T16:59:00Z"), True),
        (namespace("", created="2026-07-20T16:59:00Z"), True),
        # It is being removed already
        (namespace("", created="2026-07-01T00:00:00Z", deletionTimestamp="2026-07-20T18:00:00Z"), False),
    ],
)
def test_only_an_unused_namespace_is_abandoned(found: dict[str, Any], expected: bool) -> None:
    assert verify_pods.abandoned([found], ME, NOW) == (["n"] if expected else [])


def test_the_manifest_starts_a_pod_on_every_node_that_leaves_at_once() -> None:
    items = json.loads(verify_pods.manifest("classroom-verify-1", "image:tag", ME))["items"]

    assert [item["kind"] for item in items] == ["Namespace", "ServiceAccount", "DaemonSet"]
    assert items[0]["metadata"]["annotations"] == {verify_pods.OWNER: ME}
    assert all(item["metadata"].get("namespace", "classroom-verify-1") == "classroom-verify-1" for item in items)
    pod = items[2]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "image:tag"
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["terminationGracePeriodSeconds"] == 0


def test_names_do_not_repeat() -> None:
    assert len({verify_pods.new_namespace() for _number in range(20)}) == 20
