# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lesson as a student does it. The tests of this file are one story and run in its order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.playbooks import FAILED, Run, ad_hoc, kept_prints, playbook
from tests.support.snapshots import all_prints, machine
from tests.support.timings import stage

NODES = ("master", "node1")
# As in converge.yml
SPECS = {"student_tools_users": [{"name": "student"}]}
CONFIG = "/home/student/.kube/config"
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"
# Three programs that find each other at localhost, because they are in one pod
CONTAINERS = {"web": "netexec --http-port=8080", "notes": "netexec --http-port=8081 --udp-port=-1", "idle": "pause"}
# What web answers when it is asked to ask the others
DIAL = "/dial?host=127.0.0.1&port=8081&protocol=http&request=echo?msg=hello"

FETCH = "curl --silent --fail --max-time 5 --retry 10 --retry-connrefused"


def student(words: str) -> str:
    """What a command of the student prints, in a shell as after a login."""
    return str(machine("master").check_output("su - student -c %s", words))


def root(words: str, name: str = "master") -> str:
    return str(machine(name).check_output(words))


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def user(*arguments: str, **options: Any) -> Run:
    return ad_hoc("master", "classroom.kubeadm.kubeconfig_user", {
        "name": "student", "cluster_role": "edit", "cluster": "lab", **options}, *arguments)


@pytest.mark.parametrize("name", NODES)
def test_the_tools_are_there_in_both_families(name: str) -> None:
    for words in ("podman --version", "buildah --version", "skopeo --version", "tmux -V"):
        assert root(words, name)


def test_the_student_has_a_kubeconfig_that_no_other_user_may_read() -> None:
    assert root(f"stat -c '%U %a' {CONFIG} /home/student/.kube").split() == ["student", "600", "student", "700"]
    info = json.loads(student("kubectl auth whoami -o json"))["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("student", ["system:authenticated"])
    asked = machine("master").run("su - student -c 'kubectl auth can-i create pods; kubectl auth can-i delete nodes'")
    assert asked.stdout.split() == ["yes", "no"]
    assert root("kubectl --kubeconfig /etc/kubernetes/admin.conf get csr -o name | grep -c classroom || true") == "0"


def test_a_short_name_is_pulled_and_never_from_an_ambiguous_registry() -> None:
    """The mode is enforced: with a second registry podman asks the student, and fails where it cannot."""
    short, name = IMAGE.partition("/")[2], "docker.io/" + IMAGE.partition("/")[2]
    student(f"podman pull --quiet {short}")
    assert student(f"podman images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {name}") == name
    student(f"podman image rm {name}")
    second = "/etc/containers/registries.conf.d/60-second.conf"
    root(f"echo 'unqualified-search-registries = [\"docker.io\", \"quay.io\"]' > {second}")
    try:
        pulled = machine("master").run(f"su - student -c 'podman pull --quiet {short}'")
    finally:
        root("rm " + second)
    assert pulled.rc != 0 and "short-name resolution enforced but cannot prompt without a TTY" in pulled.stderr


def test_bash_completes_kubectl() -> None:
    assert "__start_kubectl" in student("bash -lic '_comp_load kubectl && complete -p kubectl' 2>/dev/null")


def test_an_image_is_built() -> None:
    with stage("podman build"):
        student(f"mkdir -p built && printf 'FROM {IMAGE}\\nCMD [\"pause\"]\\n' > built/Containerfile "
                "&& podman build --quiet --tag built built && podman image rm built")


def test_a_pod_of_three_containers_runs_in_podman() -> None:
    with stage("the pod in podman"):
        student("podman pod create --name lesson --publish 8080:8080")
        for name, words in CONTAINERS.items():
            student(f"podman run --detach --pod lesson --name {name} {IMAGE} {words}")
        answer = student(f"{FETCH} 'http://localhost:8080{DIAL}'")
    assert json.loads(answer) == {"responses": ["hello"]}


def test_it_becomes_yaml_and_runs_in_the_cluster() -> None:
    with stage("the pod in the cluster"):
        student("podman kube generate --service lesson > lesson.yaml")
        student("podman pod rm --force --time 1 lesson")
        student("kubectl apply -f lesson.yaml")
        student("kubectl wait --for=condition=Ready pod/lesson --timeout=90s")
    pod = json.loads(student("kubectl get pod lesson -o json"))
    assert [container["name"] for container in pod["spec"]["containers"]] == list(CONTAINERS)
    assert pod["spec"]["nodeName"] == "node1"


@pytest.mark.parametrize("name", NODES)
def test_it_is_reachable_through_its_service(name: str) -> None:
    spec = json.loads(student("kubectl get service lesson -o json"))["spec"]
    address, port = spec["clusterIP"], spec["ports"][0]["nodePort"]
    assert json.loads(root(f"{FETCH} 'http://{address}:8080{DIAL}'", name)) == {"responses": ["hello"]}
    own = machine(name).ansible.get_variables()["ansible_host"]
    assert root(f"{FETCH} http://{own}:{port}/hostname", name) == "lesson"


# firewalld on the worker and on the utility


UTILITY = "utility.example.com"
OPEN = {"node1": {"30000-32767/tcp", "30000-32767/udp"}, UTILITY: {"8080/tcp", "5000/tcp"}}


def address(name: str) -> str:
    return str(machine(name).ansible.get_variables()["ansible_host"])


def reached(target: str, port: int, source: str) -> bool:
    """Return whether a host reaches a TCP port of another one."""
    found = machine(source).run(f"timeout 3 bash -c '</dev/tcp/{address(target)}/{port}'")
    return bool(found.rc == 0)


@pytest.fixture
def listeners() -> Iterator[None]:
    """Programs on two ports of the worker, one of them among those of NodePorts, and one on the utility."""
    programs = [("node1", 9999), ("node1", 31999), (UTILITY, 9999)]
    for name, port in programs:
        root(f"systemd-run --quiet --unit=listener-{port} python3 -m http.server {port} && "
             f"timeout 20 bash -c 'until (</dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.2; done'", name)
    yield
    for name, port in programs:
        root(f"systemctl stop listener-{port}", name)


@pytest.mark.parametrize("name", OPEN)
def test_firewalld_has_the_ports_of_the_hosts_role_now_and_after_a_boot(name: str) -> None:
    for place in ("", "--permanent"):
        assert set(root(f"firewall-cmd {place} --list-ports", name).split()) == OPEN[name]
        rules = root(f"firewall-cmd {place} --list-rich-rules", name)
        # Kubelet and VXLAN, for the two hosts of the cluster
        assert len(rules.splitlines()) == (4 if name == "node1" else 0), rules


@pytest.mark.usefixtures("listeners")
def test_only_these_ports_are_reached() -> None:
    reach = {
        (target, port, source): reached(target, port, source) for target, port, source in (
            ("node1", 31999, UTILITY), ("node1", 9999, UTILITY), ("node1", 9999, "master"),
            ("node1", 10250, "master"), ("node1", 10250, UTILITY),
            (UTILITY, 8080, "node1"), (UTILITY, 5000, "node1"), (UTILITY, 9999, "node1"),
        )}
    assert {way for way, found in reach.items() if found} == {
        ("node1", 31999, UTILITY), ("node1", 10250, "master"), (UTILITY, 8080, "node1"), (UTILITY, 5000, "node1")}


def test_the_service_is_reached_from_outside_of_the_cluster() -> None:
    port = json.loads(student("kubectl get service lesson -o json"))["spec"]["ports"][0]["nodePort"]
    assert root(f"curl --silent --fail --max-time 5 http://{address('node1')}:{port}/hostname", UTILITY) == "lesson"


def test_the_advertised_command_opens_what_was_closed() -> None:
    root("firewall-cmd --remove-port=30000-32767/tcp", "node1")
    run = succeeded(playbook("site.yml", "--limit", "node1", "--tags", "firewall"))
    assert run.changed == {"node1": 1}
    assert set(root("firewall-cmd --list-ports", "node1").split()) == OPEN["node1"]


@pytest.mark.usefixtures("listeners")
def test_a_firewall_that_is_not_wanted_is_stopped() -> None:
    stopped = ("--limit", "node1", "--tags", "preflight,firewall", "-e", "firewall_state=stopped")
    assert [succeeded(playbook("site.yml", *stopped)).changed["node1"] for _run in range(2)] == [1, 0]
    service = machine("node1").service("firewalld")
    assert not service.is_running and not service.is_enabled
    assert reached("node1", 9999, UTILITY)
    test_the_service_is_reached_from_outside_of_the_cluster()


def test_another_run_has_nothing_to_do() -> None:
    for arguments in (("--check", "--diff"), ()):
        with stage("student_tools.yml " + ("in check mode" if arguments else "again")):
            run = succeeded(playbook("student_tools.yml", "-e", json.dumps(SPECS), *arguments))
        assert run.changed == dict.fromkeys(NODES, 0)


def test_what_cannot_stay_is_created_again_and_the_namespace_kept() -> None:
    root("cp /etc/kubernetes/admin.conf /run/admins && chmod 644 /run/admins")
    spoils = {
        "chmod 640 .kube/config": "others could read the key",
        "kubectl config set-context --current --namespace lessons; kubectl config set-credentials student "
        "--client-key=/dev/null --embed-certs": "it has no certificate",
        "cat /run/admins > .kube/config": "it is of the user kubernetes-admin",
        "rm -r .kube": "there is none",
    }
    for words, reason in spoils.items():
        student(words)
        for arguments in (("--check", "--diff"), ("--diff",)):
            run = succeeded(user(*arguments))
            assert "CHANGED" in run.output and reason in run.output
            assert "PRIVATE KEY" not in run.output and "client-key-data" not in run.output
        assert "SUCCESS" in user().output
        assert student("kubectl auth whoami -o jsonpath='{.status.userInfo.username}'") == "student"
        if "set-context" in words:
            assert student("kubectl config view --minify -o jsonpath='{..namespace}'") == "lessons"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such user": ({"name": "nobody-here"}, "found no such user on this host"),
    "a group without limits": ({"groups": ["system:masters"]}, "the API server does not sign such certificates"),
    "no such role": ({"cluster_role": "headmaster"}, "found no such role"),
    "no such namespace": ({"namespace": "nowhere"}, "the cluster has no such namespace"),
    "no cluster": ({"kubeconfig": "/etc/kubernetes/none.conf"}, "found no such file on this host"),
    "another cluster's kubeconfig": ({"path": "/home/student/other"}, "it leads to 192.0.2.1:6443"),
}


@pytest.mark.parametrize(("options", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_by_name(options: dict[str, Any], says: str) -> None:
    student("sed 's#https://[0-9.]*#https://192.0.2.1#; s#certificate-authority-data#certificate-authority#' "
            ".kube/config > other")
    before = root("sha256sum /home/student/other /home/student/.kube/config")
    run = user(**options)
    assert run.status == FAILED and says in " ".join(run.output.split()), run.output
    assert root("sha256sum /home/student/other /home/student/.kube/config") == before


def test_bare_is_what_was_before() -> None:
    student("podman system reset --force; rm -r other built lesson.yaml")
    with stage("reset.yml to bare"):
        succeeded(playbook(
            "reset.yml", "--limit", "k8s_cluster", "-e", "reset_confirm=true", "-e", "reset_level=bare"))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    assert {name: sorted(lines ^ set(before[name])) for name, lines in all_prints(NODES).items()} == {
        name: [] for name in NODES
    }
    assert machine("node1").service("firewalld").is_running and machine("node1").service("firewalld").is_enabled
    assert root("firewall-cmd --list-all | grep -E '^  (ports|rich rules): *[^ ]' || true", "node1") == ""
    assert root("ls -A /home/student/.kube 2>/dev/null || true; ls -d /usr/local/share/bash-completion || true") == ""
