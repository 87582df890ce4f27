# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the collection's playbooks with a script, on the same hosts, from the same bundle.

Installation, renewal of the class, and one node out and back: each method ends when every Node is Ready and the name
service of the cluster is available, measured by the same kubectl command. The verification of site.yml is not part of
it. Then site.yml without changes, compared with a ping playbook.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machines import UTILITY, Trial
from benchmarks.results import Measure, Report, Result, Run
from tools.paths import BUNDLE, ROOT

WITHOUT_PROOF = ("--skip-tags", "verify")
CALLBACKS = ROOT / "benchmarks" / "callback"
START = "start of Ansible"
READY = "until Ready"
# Their names are the words of the command line
MEASURES = {
    "install": Measure("install", "installation, on fresh hosts", "script", goal_ratio=1.0),
    "renew": Measure("renew", "class renewal", "script", goal_ratio=0.75, goal_value=30),
    "node": Measure("node", "one node out and back", "script", goal_ratio=2.0, goal_value=8),
    "idle": Measure("idle", "nothing to do, compared with a ping playbook", "ping", goal_ratio=2.5),
}
# What by_hand.sh prints
HAND_STAGES = {
    "install": ("prepare", "packages", "runtime", "init", "network", "join", READY),
    "renew": ("reset", "kubelet", "init", "network", "join", READY),
    "node": ("drain", "delete", "reset", "join", READY),
}


def plays() -> set[str]:
    """Return the names of the plays of site.yml, which are stages."""
    return {play["name"] for play in yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))}


def recording(file: Path) -> dict[str, str]:
    """Return the environment in which a playbook writes its tasks to a file."""
    return {
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "classroom.kubeadm.stages,task_times",
        "CLASSROOM_TASKS_FILE": str(file),
    }


def as_upstream(text: str) -> str:
    """Return a rendered manifest in which an init container configures the CNI, as in flannel's own manifest.

    The role's agent does that when it is ready, which saves a failed start of the first pods.
    """
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        if document["kind"] == "DaemonSet":
            pod = document["spec"]["template"]["spec"]
            agent = pod["containers"][0]
            del agent["lifecycle"]
            pod["initContainers"].append({
                "name": "install-cni",
                "image": agent["image"],
                "command": ["cp", "-f", "/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"],
                "volumeMounts": [each for each in agent["volumeMounts"] if each["name"] in ("cni", "flannel-cfg")],
            })
    return yaml.safe_dump_all(documents, sort_keys=False)


class Methods:
    """The runs of script and playbooks on the hosts of a trial."""

    def __init__(self, bench: Trial, tasks: bool = False) -> None:
        self.bench = bench
        self.tasks = tasks

    def by_hand(self, what: str) -> Run:
        """Run the script until Ready: `install`, `renew` (remove and install the class) or `node` (node1 alone)."""
        bench = self.bench
        manifest = bench.work / "flannel.yml"
        bench.playbook(ROOT / "benchmarks/manifest.yml", "-e", f"benchmark_manifest={manifest}")
        manifest.write_text(as_upstream(manifest.read_text(encoding="utf-8")), encoding="utf-8")
        argv = [
            str(ROOT / "benchmarks/by_hand.sh"),
            what,
            str(bench.ssh_options()),
            str(BUNDLE / "apt/classroom-kubeadm.asc"),
            str(bench.work / "kubeconfig" / f"{UTILITY}-ca.crt"),
            bench.addresses[UTILITY],
            str(manifest),
            *(bench.addresses[node] for node in bench.nodes),
        ]
        lines = bench.run(argv).stdout.splitlines()
        times = {name: float(seconds) for name, seconds in (line.split() for line in lines)}
        return Run({**times, READY: bench.ready()})

    def playbook(self, path: Path, *arguments: str) -> Run:
        """Run a playbook; its stages are its plays."""
        bench = self.bench
        stages, tasks = bench.work / "stages.json", bench.work / "tasks.json"
        more = {"CLASSROOM_STAGES_FILE": str(stages), **(recording(tasks) if self.tasks else {})}
        seconds = bench.playbook(path, *arguments, **more)
        times: dict[str, float] = {}
        for entry in json.loads(stages.read_text(encoding="utf-8")):
            times[entry["stage"]] = times.get(entry["stage"], 0.0) + float(entry["seconds"])
        recorded: list[dict[str, Any]] = json.loads(tasks.read_text(encoding="utf-8")) if self.tasks else []
        return Run({START: max(seconds - sum(times.values()), 0.0), **times}, recorded)

    def by_site(self) -> Run:
        """Run site.yml until Ready, without the verification."""
        return self._until_ready("site.yml")

    def by_renew(self, limit: str) -> Run:
        """Run renew.yml for some hosts until Ready, without the verification."""
        return self._until_ready("renew.yml", "--limit", limit, "-e", "reset_confirm=true")

    def _until_ready(self, playbook: str, *arguments: str) -> Run:
        run = self.playbook(ROOT / "playbooks" / playbook, *WITHOUT_PROOF, *arguments)
        return Run({**run.stages, READY: self.bench.ready()}, run.tasks)

    def fresh_by_hand(self) -> Run:
        self.bench.fresh()
        return self.by_hand("install")

    def fresh_by_site(self) -> Run:
        self.bench.fresh()
        return self.by_site()

    def ping(self) -> Run:
        return Run({"ping": self.bench.playbook(ROOT / "benchmarks/ping.yml")})

    def idle(self) -> Run:
        return Run({"site.yml": self.bench.playbook(ROOT / "playbooks/site.yml")})


def measure(report: Report, methods: Methods, wanted: set[str], rounds: int, idle: int) -> None:
    """Measure what is wanted, on hosts that are created for each installation."""
    if "install" in wanted:
        report.alternate(MEASURES["install"], rounds, methods.fresh_by_hand, methods.fresh_by_site)
    else:
        methods.fresh_by_site()
    on_cluster(report, methods, wanted, rounds, idle)


def on_cluster(report: Report, methods: Methods, wanted: set[str], rounds: int, idle: int) -> None:
    """Measure what is wanted of the measures that need a cluster."""
    if "renew" in wanted:
        report.alternate(
            MEASURES["renew"], rounds, lambda: methods.by_hand("renew"), lambda: methods.by_renew("k8s_cluster")
        )
    if "node" in wanted:
        report.alternate(MEASURES["node"], rounds, lambda: methods.by_hand("node"), lambda: methods.by_renew("node1"))
    if "idle" in wanted:
        # The script made a cluster, too, but not as this collection declares it
        methods.bench.playbook(ROOT / "playbooks/site.yml")
        report.alternate(MEASURES["idle"], idle, methods.ping, methods.idle)
        report.calls["idle"] = Methods(methods.bench, tasks=True).playbook(ROOT / "playbooks/site.yml").calls


def smoke(report: Report, methods: Methods) -> None:
    """Measure one round of everything on one set of hosts: site.yml takes over the cluster of the script."""
    methods.bench.fresh()
    report.alternate(MEASURES["install"], 1, lambda: methods.by_hand("install"), methods.by_site)
    on_cluster(report, methods, {"renew", "node", "idle"}, rounds=1, idle=1)


def slowest_tasks(result: Result, count: int = 15) -> list[str]:
    """Return a table with the tasks of the last run that took longest, in the order of the run."""
    tasks = result.pairs[-1].measured.tasks
    if not tasks:
        return []
    least = sorted((task["seconds"] for task in tasks), reverse=True)[:count][-1]
    lines = [f"\n| playbooks: tasks of {result.measure.name} | at, s | s | hosts |", "| --- | --- | --- | --- |"]
    for task in tasks:
        if task["seconds"] >= least:
            hosts = ", ".join(f"{host} {seconds:.1f}" for host, seconds in task["hosts"].items())
            lines.append(f"| {task['play']}: {task['task']} | {task['at']:.1f} | {task['seconds']:.1f} | {hosts} |")
    return lines
