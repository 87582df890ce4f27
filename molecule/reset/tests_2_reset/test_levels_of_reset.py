# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests of this file are one story and run in its order; each begins where the one before has ended."""

from __future__ import annotations

import json
import tarfile
import time
from pathlib import Path

import pytest

from tests.support.playbooks import Run, kept_prints, playbook
from tests.support.snapshots import NODES, all_prints, machine
from tests.support.timings import stage

CLASS = ("--limit", "k8s_cluster")
CONFIRMED = ("-e", "reset_confirm=true")
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"

# What students leave: more pods than one machine has, data on the machine's own disk, a volume in memory
STUDENTS_WORK = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shop
          image: registry.k8s.io/e2e-test-images/agnhost:2.63.0
          args: [netexec]
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: memory, mountPath: /memory}
      volumes:
        - {name: data, hostPath: {path: /srv/students, type: DirectoryOrCreate}}
        - {name: memory, emptyDir: {medium: Memory}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {type: NodePort, selector: {app: shop}, ports: [{port: 8080}]}
"""

# Resources that the API server knows and cannot list, as of an extension that was removed by half
BROKEN_RESOURCES = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.lessons.example}
spec:
  group: lessons.example
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 10
  insecureSkipTLSVerify: true
  service: {name: gone, namespace: default}
"""

NEEDS_RUNTIME = """\
Package: classroom-needs-runtime
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.com>
Depends: {}
Description: A package that needs the container runtime"""

# An administrator's own, of which nothing may go: a rule for SSH, a chain with a rule, a table, a CNI file, a bridge
ADMINISTRATORS = """
iptables -A INPUT -p tcp --dport 22 -m comment --comment administrator -j ACCEPT
iptables -N ADMIN && iptables -A ADMIN -s 203.0.113.7 -j DROP && iptables -A FORWARD -j ADMIN
nft add table inet admin
nft 'add chain inet admin input { type filter hook input priority 10; }'
nft add rule inet admin input ip saddr 203.0.113.8 drop
ip link add br-admin type bridge
mkdir -p /srv/students && echo work > /srv/students/file
"""
SEEN = (
    "iptables -S INPUT | grep administrator; iptables -S ADMIN; iptables -S FORWARD | grep ADMIN; "
    "nft list table inet admin; ip -o link show br-admin | sed 's/^[0-9]*: //'; cat /srv/students/file"
)


def command(name: str, words: str) -> str:
    return str(machine(name).check_output(words))


def kubectl(words: str) -> str:
    return command("master", f"{KUBECTL} {words}")


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def containers(name: str) -> dict[str, str]:
    """The cluster's own pods on a machine and their containers, which a reset of another machine must not change."""
    pods = json.loads(kubectl(f"get pods -A --field-selector spec.nodeName={name} -o json"))["items"]
    return {
        pod["metadata"]["name"]: json.dumps(
            [pod["metadata"]["uid"], [status["state"] for status in pod["status"].get("containerStatuses", [])]]
        )
        for pod in pods
        # Not those of the proof, which are on their way out
        if pod["metadata"]["namespace"] in ("kube-system", "kube-flannel")
    }


def node_ids() -> dict[str, str]:
    """Name and UID of each Node; a Node that was created again has another UID."""
    items = json.loads(kubectl("get nodes -o json"))["items"]
    return {node["metadata"]["name"]: node["metadata"]["uid"] for node in items}


def residue(tmp_path: Path, *arguments: str) -> list[dict[str, str]]:
    report = tmp_path / "audit.json"
    succeeded(playbook("audit.yml", *arguments, "-e", f"audit_file={report}"))
    found: list[dict[str, str]] = json.loads(report.read_text(encoding="utf-8"))["findings"]
    return [finding for finding in found if finding["section"] == "residue"]


@pytest.fixture(scope="module")
def administrators() -> dict[str, str]:
    """What the administrator's things look like on each machine, before the first reset."""
    for name in NODES:
        command(name, f"sh -ec '{ADMINISTRATORS.replace(chr(39), chr(34))}'")
    return {name: command(name, SEEN) for name in NODES}


def test_the_second_run_changes_nothing() -> None:
    with stage("site.yml with nothing to do"):
        run = succeeded(playbook("site.yml"))
    assert set(run.changed.values()) == {0}


def test_the_class_is_at_work(administrators: dict[str, str]) -> None:
    assert set(administrators) == set(NODES)
    command("master", f"echo '{STUDENTS_WORK}' | {KUBECTL} apply -f -")
    kubectl("rollout status deployment/shop --timeout=120s")


def test_a_living_cluster_is_not_residue(tmp_path: Path) -> None:
    assert residue(tmp_path, *CLASS) == []


def test_the_class_is_left_as_classes_are_left() -> None:
    kubectl("-n kube-system delete deployment coredns")
    kubectl("delete node node2")
    command("node1", "systemctl stop containerd")


def test_without_a_confirmation_nothing_is_reset() -> None:
    run = playbook("reset.yml", *CLASS)
    assert run.status != 0
    assert "reset_confirm" in run.output
    assert machine("master").file("/etc/kubernetes/admin.conf").exists


def test_the_work_of_a_student_is_fetched_first(tmp_path: Path) -> None:
    command("node1", "mkdir -p /root/course && echo learned > '/root/course/my notes'")
    with stage("harvest.yml, the class"):
        succeeded(playbook("harvest.yml", *CLASS, "-e", f"harvest_to={tmp_path}"))
    [harvest] = tmp_path.iterdir()
    assert {place.name for place in harvest.iterdir()} == set(NODES)
    with tarfile.open(harvest / "node1" / "files.tar.gz") as archive:
        notes = archive.extractfile("root/course/my notes")
        assert notes is not None and notes.read() == b"learned\n"
    assert "name: shop" in (harvest / "master" / "objects" / "default.yml").read_text(encoding="utf-8")


def test_the_class_is_reset() -> None:
    with stage("reset.yml, the class"):
        run = succeeded(playbook("reset.yml", *CLASS, *CONFIRMED))
    assert all(run.changed[name] > 0 for name in NODES)


def test_nothing_is_left(tmp_path: Path) -> None:
    with stage("audit.yml"):
        assert residue(tmp_path, *CLASS) == []


@pytest.mark.parametrize("name", NODES)
def test_what_is_the_administrators_is_still_there(administrators: dict[str, str], name: str) -> None:
    assert command(name, SEEN) == administrators[name]


@pytest.mark.parametrize("name", NODES)
def test_packages_images_and_the_runtime_stayed(name: str) -> None:
    assert "kubeadm" in command(name, "apt-mark showhold").split()
    assert machine(name).service("containerd").is_running
    assert "registry.k8s.io/kube-proxy" in command(name, "ctr -n k8s.io images ls -q")
    assert command(name, "ctr -n k8s.io containers ls -q") == ""


def test_another_reset_has_nothing_to_do() -> None:
    with stage("reset.yml on clean machines"):
        run = succeeded(playbook("reset.yml", *CLASS, *CONFIRMED))
    assert {name: run.changed[name] for name in NODES} == dict.fromkeys(NODES, 0)


def test_the_class_is_back_without_the_utility() -> None:
    # A second later, for the answer to this command to come back
    command("utility.example.com", "systemd-run --on-active=1 ip link set eth0 down")
    with stage("site.yml after the reset, the utility switched off"):
        succeeded(playbook("site.yml", *CLASS))
    with stage("verify.yml"):
        succeeded(playbook("verify.yml"))


def test_one_host_out_and_back_leaves_the_others_alone() -> None:
    others = {name: containers(name) for name in ("master", "node2")}
    nodes = node_ids()
    with stage("renew.yml, node1"):
        run = succeeded(playbook("renew.yml", "--limit", "node1", *CONFIRMED))
    assert set(run.changed) == {"node1"} and run.changed["node1"] > 0
    renewed = node_ids()
    assert {name for name in renewed if renewed[name] != nodes.get(name)} == {"node1"}
    for name, before in others.items():
        after = containers(name)
        assert {pod: after.get(pod) for pod in before} == before
    with stage("verify.yml"):
        succeeded(playbook("verify.yml"))


def test_a_deleted_node_is_back() -> None:
    kubectl("delete node node1")
    with stage("site.yml, node1 after its Node was deleted"):
        succeeded(playbook("site.yml", "--limit", "node1"))
    assert "node/node1" in kubectl("get nodes -o name").split()
    with stage("verify.yml"):
        succeeded(playbook("verify.yml"))


def test_the_last_run_changes_nothing() -> None:
    run = succeeded(playbook("site.yml", *CLASS))
    assert set(run.changed.values()) == {0}


def test_only_the_master_is_refused() -> None:
    run = playbook("reset.yml", "--limit", "master", *CONFIRMED)
    assert run.status != 0
    assert "node1" in run.output and "node2" in run.output
    assert machine("master").file("/etc/kubernetes/admin.conf").exists


def test_an_incomplete_harvest_stops_the_reset(tmp_path: Path) -> None:
    kubectl("create configmap lesson --from-literal=weeks=9")
    command("master", f"echo '{BROKEN_RESOURCES}' | {KUBECTL} apply -f -")
    # The API server learns of it within a second or two
    deadline = time.monotonic() + 30
    while "lessons.example" not in kubectl("get --raw /apis") and time.monotonic() < deadline:
        time.sleep(1)
    run = playbook("reset.yml", *CLASS, *CONFIRMED, "-e", "reset_harvest=true", "-e", f"harvest_to={tmp_path}")
    assert run.status != 0
    assert "lessons.example/v1" in run.output and "reset_harvest_incomplete=true" in run.output
    assert len(kubectl("get nodes -o name").split()) == len(NODES)
    [objects] = tmp_path.glob("*/master/objects/default.yml")
    assert "name: lesson" in objects.read_text(encoding="utf-8")
    kubectl("delete apiservice v1.lessons.example")


def test_a_renewal_that_is_not_confirmed_changes_nothing() -> None:
    nodes = node_ids()
    run = playbook("renew.yml", *CLASS)
    assert run.status != 0
    said = " ".join(run.output.split())
    assert "The reset of master, node1, node2 was not confirmed: expected 'yes', found no answer" in said
    assert set(run.changed.values()) == {0}
    assert node_ids() == nodes and set(nodes) == set(NODES)


def test_a_class_is_renewed_after_its_harvest(tmp_path: Path) -> None:
    nodes = node_ids()
    harvest = ("-e", "reset_harvest=true", "-e", f"harvest_to={tmp_path}")
    with stage("renew.yml, the class with a harvest"):
        run = succeeded(playbook("renew.yml", *CLASS, *CONFIRMED, *harvest))
    assert all(run.changed[name] > 0 for name in NODES)
    assert {path.parent.name for path in tmp_path.glob("*/*/files.tar.gz")} == set(NODES)
    [objects] = tmp_path.glob("*/master/objects/default.yml")
    assert "name: lesson" in objects.read_text(encoding="utf-8")
    renewed = node_ids()
    assert set(renewed) == set(NODES) and not set(renewed.values()) & set(nodes.values())
    assert "lesson" not in kubectl("get configmaps -o name")


def test_a_run_after_a_renewal_changes_nothing() -> None:
    assert set(succeeded(playbook("site.yml", *CLASS)).changed.values()) == {0}


def test_a_reset_of_one_machine_deletes_its_node() -> None:
    run = succeeded(playbook("reset.yml", "--limit", "node1", *CONFIRMED))
    assert set(run.changed) == {"node1"} and run.changed["node1"] > 0
    assert "node1" not in kubectl("get nodes -o name")


def test_a_runtime_that_others_need_stays_with_its_data() -> None:
    """As of Docker, which a student has put upon the same containerd."""
    node = machine("node1")
    if not node.exists("dpkg-deb"):
        pytest.skip("the package of this test is Debian's")
    runtime = command("node1", "dpkg-query --search /usr/bin/containerd").partition(":")[0]
    control = NEEDS_RUNTIME.format(runtime)
    command("node1", f"mkdir -p /run/needs/DEBIAN && echo '{control}' > /run/needs/DEBIAN/control && "
            "dpkg-deb --build /run/needs /run/needs.deb && dpkg --install /run/needs.deb && "
            "rm -r /run/needs /run/needs.deb")
    command("node1", "echo work > /var/lib/containerd/classroom-test")
    started = command("node1", "systemctl show --property=ExecMainStartTimestamp containerd")
    bare = ("--limit", "node1", *CONFIRMED, "-e", "reset_level=bare")
    run = succeeded(playbook("reset.yml", *bare))
    assert f"{runtime} stays installed" in run.output
    assert command("node1", "systemctl show --property=ExecMainStartTimestamp containerd") == started
    assert node.file("/var/lib/containerd/classroom-test").content_string == "work\n"
    assert not node.exists("kubelet")
    assert runtime in json.loads(node.file("/var/lib/classroom-kubeadm/before.json").content_string)["packages"]
    assert succeeded(playbook("reset.yml", *bare)).changed["node1"] == 0
    command("node1", "dpkg --purge classroom-needs-runtime")


def test_bare_is_what_was_before() -> None:
    with stage("reset.yml, the class, to bare"):
        succeeded(playbook("reset.yml", *CLASS, *CONFIRMED, "-e", "reset_level=bare"))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    assert {name: sorted(lines ^ set(before[name])) for name, lines in all_prints(NODES).items()} == {
        name: [] for name in NODES
    }
