# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports of classes for tests and for pictures, made by the code that makes real ones."""

from __future__ import annotations

from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import Failure, SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.collect import Watched, seat_reports
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import Report, merged

STUDENTS = ("Anna Müller", "Łukasz Żak", "王小明", "Zoë Ångström", "<b>Ben</b> & \"Co\"", "")
STAGES = {
    "Run preflight checks": 6.0, "Prepare hosts": 21.0, "Initialize control plane": 24.0, "Join workers": 8.0,
    "Apply labels and taints": 3.0, "Verify cluster": 21.0}
UNIT = {"kind": "interface", "subject": "cni0", "command": "ip -br link show cni0", "reason": "an address is left",
        "owner": "flannel"}


def class_report(seats: int, stuck: tuple[int, ...] = (), evil: str = "", day: int = 1) -> Report:
    """A run of site.yml for so many seats of three machines, each with an identity of its own."""
    machines: list[Watched] = []
    stages: dict[str, dict[str, float]] = {"utility": {"Run preflight checks": 5.0, "Configure utility": 16.0}}
    for number in range(1, seats + 1):
        name = f"seat{number:02}"
        place = SeatPlacement(name, STUDENTS[number % len(STUDENTS)], name + "-master", True)
        for index, machine in enumerate(("master", "node1", "node2")):
            own = f"{name}-{machine}"
            failed = number in stuck and index == 1
            text = "Wanted the package kubelet {}, found no repository that has it{}.".format("1.36.3", evil)
            failures = [Failure(own, "Install Kubernetes packages", text, stage="Prepare hosts")]
            machines.append(Watched(
                own, place, f"10.20.0.{number * 10 + index}", _results(number, index, evil),
                tuple(failures[:failed]), contacted=True))
        stages[name] = {stage: seconds + number * 0.7 for stage, seconds in STAGES.items()}
        if number in stuck:
            stages[name].pop("Verify cluster")
    machines.append(Watched("utility", SeatPlacement("utility"), "10.20.0.2", {}, contacted=True))
    written = f"2026-09-0{day}T08:15:00+00:00"
    reports = seat_reports(machines, written, ran="site.yml", stages=stages, retry=lambda seat: (
        "ansible-playbook -i class.yml site.yml", [seat + "-node1"]))
    return Report("kubernetes-basics" + evil, written, "site.yml", False, 132.0, tuple(reports))


def _results(number: int, index: int, evil: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "containerd_result": {"versions": {"containerd": "2.4.2-1"}},
        "kubernetes_result": {"changes": [], "versions": {"kubelet": "1.36.3-1" + evil}},
        "audit_result": {
            "cluster": "worker" if index else "control plane", "hygiene": [],
            "residue": [{**UNIT, "reason": UNIT["reason"] + evil}] if (number, index) == (7, 2) else [],
            "identity": {
                "machine_id": f"{3 * number + index:032x}", "container": True, "product_uuid": "",
                "mac_addresses": {}, "ssh_host_keys": {},
            },
        },
    }
    if index == 0:
        found["verify_result"] = {"nodes": [{"name": "m", "role": "control-plane", "version": "v1.36.3",
                                             "ready": True}]}
    return found


def two_days(seats: int) -> Report:
    """The second report, which knows what changed: seat 3 works now, seat 12 does not any more."""
    return merged(merged(None, class_report(seats, (3, 17))), class_report(seats, (12, 17), day=2))
