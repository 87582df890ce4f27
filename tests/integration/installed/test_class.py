# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A class from the published collection, as README.md and docs/install.md describe it. The tests run in this order."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.installed.conftest import SEAT, UTILITY, podman
from tests.integration.installed.controller import CLASS, INSTRUCTOR, PASSWORD, Controller
from tests.support.timings import stage
from tools.paths import BUNDLE, ROOT

INIT = "ansible-playbook classroom.kubeadm.init"
HOSTS = 3
# What hosts in containers need of variables, because they share a kernel, and what the compiled bundle does
LAB = ("k8s_cluster/shared_kernel.yml", "k8s_cluster/network.yml", "utility.yml")
# The utility has mounted the bundle; the controller reads its lock and the key of its signature
BUNDLED = ("bundle.lock.yml", "bundle.lock.yml.asc", "apt/classroom-kubeadm.asc", "../current.signed-by")


def nodes() -> dict[str, str]:
    """Return name and readiness of the nodes, as the control plane has them."""
    listed = json.loads(podman(
        "exec", SEAT[0], "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes", "--output=json"))
    return {
        node["metadata"]["name"]: condition["status"] for node in listed["items"]
        for condition in node["status"]["conditions"] if condition["type"] == "Ready"}


def report(controller: Controller) -> dict[str, str]:
    """Return the state of each seat in the report."""
    found = json.loads(controller.succeed("cat report/report.json"))
    return {seat["name"]: seat["state"] for seat in found["seats"] if seat["cluster"]}


def test_an_ordinary_user_installs_the_collection(controller: Controller) -> None:
    assert controller.succeed("id -un", "~").strip() == INSTRUCTOR
    assert controller.type(f"ls {ROOT}", "~").status != 0
    # The image has no package of pip and none of venv's part that installs it; a wheel of pip can be run
    for command in (
        "python3 -m venv --without-pip ~/ansible",
        "PYTHONPATH=$(echo ~/wheels/pip-*.whl) ~/ansible/bin/python -m pip install --quiet --no-index "
        "--find-links ~/wheels ansible-core rich",
        "echo 'PATH=~/ansible/bin:$PATH' >> ~/.profile",
        f"ansible-galaxy collection install {controller.tarball}",
    ):
        controller.succeed(command, "~")

    versions = controller.succeed("ansible --version", "~")
    assert f"[core {controller.core}." in versions and "python version = 3.13." in versions
    assert controller.succeed("ansible-galaxy collection list", "~").count("classroom.kubeadm") == 1


def test_an_empty_configuration_is_rejected_with_advice(controller: Controller) -> None:
    controller.succeed("mkdir -p ~/empty && touch ~/empty/ansible.cfg", "~")

    run = controller.type("ansible-playbook classroom.kubeadm.site", "~/empty")

    assert run.status not in (0, 2) and INIT in run.output and "Nothing was changed." in run.output, run.output


def test_init_writes_a_class_file_once(controller: Controller) -> None:
    controller.succeed(f"mkdir {CLASS}", "~")
    controller.succeed(INIT)
    assert controller.succeed("ls").split() == ["ansible.cfg", "class.yml"]
    assert "seat20-node2" in controller.succeed("ansible-inventory --graph")

    # Edited to the hosts of this test; every line that is replaced is one of the file
    text = controller.succeed("cat class.yml")
    for line, other in (
        ("seats: 1-20", "seats: [1]"),
        ("machines: [master, node1, node2]", "machines: [master, node1]"),
        ("first: 10.20.0.10,", f"first: {controller.prefix}.100,"),
        ("[Anna Müller, Łukasz Żak, Ben Sørensen]", "[Łukasz Żak]"),
        ("# utility: {name: utility.example.com, address: 10.20.0.2}",
         f"utility: {{name: {UTILITY}, address: {controller.prefix}.10}}"),
        ("ansible_user: root", "ansible_user: student"),
        ("# cluster_packages_from", f"cluster_bundle: /home/{INSTRUCTOR}/bundle/current\n  cluster_packages_from"),
        ("# cluster_images_from", "cluster_images_from"),
    ):
        assert text.count(line) == 1, line
        text = text.replace(line, other)
    controller.write(f"{CLASS}/class.yml", text)
    for name in LAB:
        variables = (ROOT / "inventories" / "lab" / "group_vars" / name).read_text(encoding="utf-8")
        controller.write(f"{CLASS}/group_vars/{name}", variables)
    for name in BUNDLED:
        controller.write(f"~/bundle/current/{name}", (BUNDLE / name).read_text(encoding="utf-8"))

    run = controller.type(INIT)
    assert run.status == 2, run.output
    assert "found class.yml (with other content). Existing files are never overwritten." in " ".join(run.output.split())
    assert controller.succeed("cat class.yml") == text


def test_enroll(controller: Controller) -> None:
    controller.succeed("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")

    with stage("enroll"):
        run = controller.answer("ansible-playbook classroom.kubeadm.enroll", [("Password for ", PASSWORD)])

    assert run.status == 0 and f"{HOSTS} of {HOSTS} machines ready" in run.output, run.output


@pytest.mark.parametrize("time", ["first", "second"])
def test_site_after_nothing_and_after_a_reset(controller: Controller, time: str) -> None:
    with stage(f"site, {time} time"):
        controller.succeed("ansible-playbook classroom.kubeadm.site")

    assert nodes() == {"seat01-master": "True", "seat01-node1": "True"}
    assert report(controller) == {"seat01": "ready"}
    assert controller.succeed("stat --format=%a kubeconfig/seat01.conf").strip() == "600"
    if time == "second":
        return

    with stage("report"):
        controller.succeed("ansible-playbook classroom.kubeadm.report")
    assert report(controller) == {"seat01": "ready"}
    assert re.search(r"<title>.*kubernetes-basics", controller.succeed("cat report/report.html"))

    with stage("reset"):
        controller.succeed("ansible-playbook classroom.kubeadm.reset -e reset_confirm=true")
    assert controller.type("ls kubeconfig/seat01.conf").status != 0
