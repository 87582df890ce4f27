# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import Unreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.cluster_dns import (
    CONFIG_MAP,
    MARK,
    PODS,
    Spec,
    converge,
    rewritten,
)
from tests.unit.support.kubeadm_lab import Lab, kubeconfig_text

# As kubeadm 1.36 installs it
KUBEADM = """.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
"""
NONE = KUBEADM.replace("forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }", MARK)
SCHOOL = KUBEADM.replace("/etc/resolv.conf", "10.0.0.1 10.0.0.2")
TUNED = SCHOOL.replace("max_concurrent 1000", "max_concurrent 50\n       prefer_udp")
SHORT = KUBEADM.replace("/etc/resolv.conf {\n       max_concurrent 1000\n    }", "/etc/resolv.conf")
# The administrator's own: names of one zone only are forwarded, or all of them are answered otherwise
OTHER_ZONE = KUBEADM.replace("forward . /etc/resolv.conf {", "forward example.com 10.0.0.1 {")
REMOVED = NONE.replace("    " + MARK + "\n", "")


@pytest.mark.parametrize(("corefile", "upstreams", "expected"), [
    (KUBEADM, [], NONE),
    (KUBEADM, ["/etc/resolv.conf"], KUBEADM),
    (KUBEADM, ["10.0.0.1", "10.0.0.2"], SCHOOL),
    (SCHOOL, [], NONE),
    (SCHOOL, ["10.0.0.1", "10.0.0.2"], SCHOOL),
    (SCHOOL, ["10.0.0.2", "10.0.0.1"], SCHOOL.replace("10.0.0.1 10.0.0.2", "10.0.0.2 10.0.0.1")),
    (TUNED, ["10.0.0.1", "10.0.0.2"], TUNED),
    (TUNED, ["/etc/resolv.conf"], KUBEADM),
    (SHORT, [], NONE),
    (SHORT, ["/etc/resolv.conf"], SHORT),
    (NONE, [], NONE),
    (NONE, ["/etc/resolv.conf"], KUBEADM),
    (OTHER_ZONE, [], OTHER_ZONE),
    (OTHER_ZONE, ["10.0.0.1"], OTHER_ZONE),
    (REMOVED, [], REMOVED),
    (REMOVED, ["10.0.0.1"], REMOVED),
])
def test_only_the_forwarding_of_the_root_zone_is_rewritten(corefile: str, upstreams: list[str], expected: str) -> None:
    assert rewritten(corefile, upstreams) == expected


def pod(name: str, *, restarts: int, ready: bool) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "status": {"containerStatuses": [{"name": "coredns", "restartCount": restarts, "ready": ready}]},
    }


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.write("/etc/kubernetes/admin.conf", kubeconfig_text("https://127.0.0.1:6443", "ca", "certificate", "key"))
    lab.api.objects[CONFIG_MAP] = {"data": {"Corefile": KUBEADM}}
    for name, restarts, ready in (("crashed", 4, False), ("served-after-a-crash", 1, True), ("new", 0, False)):
        lab.api.objects[PODS + "/" + name] = pod(name, restarts=restarts, ready=ready)
    return lab


@pytest.mark.parametrize("check_mode", [False, True])
def test_forwarding_is_removed_and_crashed_pods_are_replaced(lab: Lab, check_mode: bool) -> None:
    outcome = converge(Spec(()), lab.machine, "/etc/kubernetes/admin.conf", check_mode)
    assert outcome.reason == "names outside of the cluster are not forwarded"
    assert (outcome.before, outcome.after, outcome.restarted) == (KUBEADM, NONE, ("crashed",))
    assert lab.api.objects[CONFIG_MAP]["data"]["Corefile"] == (KUBEADM if check_mode else NONE)
    assert (PODS + "/crashed" in lab.api.objects) is check_mode
    assert PODS + "/served-after-a-crash" in lab.api.objects and PODS + "/new" in lab.api.objects


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_second_run_changes_nothing(lab: Lab, check_mode: bool) -> None:
    lab.api.objects[CONFIG_MAP] = {"data": {"Corefile": NONE}}
    outcome = converge(Spec(()), lab.machine, "/etc/kubernetes/admin.conf", check_mode)
    assert outcome.reason == "" and outcome.steps() == [] and outcome.restarted == ()
    assert not [call for call in lab.api.calls if not call.startswith("GET")]


def test_check_mode_before_the_first_installation_predicts_the_change(tmp_path: Path) -> None:
    outcome = converge(Spec(()), Lab(tmp_path).machine, "/etc/kubernetes/admin.conf", True)
    assert outcome.reason == "names outside of the cluster are not forwarded"


@pytest.mark.parametrize(("broken", "message"), [
    ("no control plane", "found no such file on this host"),
    ("no CoreDNS", "kubeadm init phase addon coredns"),
    ("silent", "time ran out"),
])
def test_what_prevents_it_is_named(lab: Lab, broken: str, message: str) -> None:
    if broken == "no control plane":
        lab.remove("/etc/kubernetes/admin.conf")
    elif broken == "no CoreDNS":
        del lab.api.objects[CONFIG_MAP]
    else:
        lab.api.broken = Unreachable("time ran out")
    with pytest.raises(ClassroomError, match=message):
        converge(Spec(()), lab.machine, "/etc/kubernetes/admin.conf", False)
