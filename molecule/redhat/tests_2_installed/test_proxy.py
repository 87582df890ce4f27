# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster gets a proxy, both families use it, and it is taken away again. One story, run in its order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.support.playbooks import Run, ad_hoc, playbook
from tests.support.snapshots import machine
from tests.support.timings import stage
from tools.paths import ROOT

NODES = ("master", "node1")
UTILITY = "utility.example.com"
LOGIN, PASSWORD, PORT = "teacher", "topsecret", 3128
LOG = "/run/proxy_server.log"
APT = "/etc/apt/apt.conf.d/50classroom-kubeadm-proxy"
DROP_IN = "/etc/systemd/system/{}.service.d/50-classroom-kubeadm-proxy.conf"
DROP_INS = [DROP_IN.format(unit) for unit in ("containerd", "kubelet")]
IMAGE = "images.outside.test/pause:3.10.2"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def declaration() -> Iterator[str]:
    """The proxy runs on the utility; returned is what declares it."""
    copied = ad_hoc(UTILITY, "ansible.builtin.copy", {
        "src": str(ROOT / "tests/support/proxy_server.py"), "dest": "/run/proxy_server.py", "mode": "0755"})
    assert copied.status == 0, copied.output
    utility = machine(UTILITY)
    utility.check_output(
        f"systemd-run --unit=forward-proxy /run/proxy_server.py {PORT} {LOGIN}:{PASSWORD} {LOG} && "
        f"timeout 10 sh -c 'until bash -c \"exec 3<>/dev/tcp/127.0.0.1/{PORT}\"; do sleep 0.1; done'")
    address = utility.interface("eth0").addresses[0]
    yield json.dumps({"cluster_proxy": {"http": f"http://{LOGIN}:{PASSWORD}@{address}:{PORT}"}})
    utility.check_output("systemctl stop forward-proxy && rm -f /run/proxy_server.py " + LOG)


def asked(words: str) -> set[str]:
    """The machines that asked the proxy for it, by their addresses."""
    lines = machine(UTILITY).run(f"cat {LOG}").stdout.splitlines()
    return {line.split()[0] for line in lines if words in line}


def addresses() -> set[str]:
    return {machine(name).interface("eth0").addresses[0] for name in NODES}


def site(*arguments: str) -> Run:
    run = playbook("site.yml", "--diff", *arguments)
    assert run.status == 0, run.output
    assert PASSWORD not in run.output
    return run


def test_one_declaration_reaches_every_service_and_only_once(declaration: str) -> None:
    with stage("site.yml with a proxy"):
        first = site("-e", declaration)
    assert all(first.changed[name] for name in NODES)
    assert set(site("-e", declaration).changed.values()) == {0}
    for name in NODES:
        for path in DROP_INS:
            file = machine(name).file(path)
            excluded = ("172.31.90.100", "172.31.90.101", "10.96.0.0/12")
            assert file.mode == 0o600 and all(network in file.content_string for network in excluded)
    assert machine("node1").file(APT).mode == 0o600 and not machine("master").file(APT).exists


def test_nothing_of_the_cluster_went_through_it() -> None:
    assert asked("") == set()


def test_both_package_managers_fetch_through_it(declaration: str) -> None:
    run = playbook(str(ROOT / "molecule/redhat/proxied.yml"), "-e", declaration)
    assert set(run.failures) == set(NODES) and PASSWORD not in run.output
    for words in run.failures.values():
        assert "expected kubectl 9.9.9, found 1.36.3-1" in words and "http://packages.outside.test/" in words
    assert asked("GET http://packages.outside.test/") == addresses()


def test_a_person_at_the_host_has_apt_use_it() -> None:
    source = "deb [trusted=yes] http://packages.outside.test/person ./"
    machine("node1").run(
        f"echo '{source}' > /run/outside.list; "
        "apt-get update --option=Dir::Etc::sourcelist=/run/outside.list --option=Dir::Etc::sourceparts=-")
    assert len(asked("GET http://packages.outside.test/person/")) == 1


def test_the_runtimes_pull_through_it() -> None:
    """What answers there has no certificate of that name, so they are refused, but they asked."""
    master = machine("master")
    kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    for name in NODES:
        overrides = json.dumps({"spec": {"nodeName": name}})
        master.check_output(f"{kubectl} run outside-{name} --image={IMAGE} --overrides='{overrides}'")
    deadline = time.monotonic() + PATIENCE
    while asked("CONNECT images.outside.test:443") != addresses() and time.monotonic() < deadline:
        time.sleep(0.5)
    master.check_output(f"{kubectl} delete pod --now {' '.join('outside-' + name for name in NODES)}")
    assert asked("CONNECT images.outside.test:443") == addresses()


def test_without_the_declaration_it_goes_again() -> None:
    with stage("site.yml without the proxy"):
        site()
    for name in NODES:
        assert not any(machine(name).file(path).exists for path in (*DROP_INS, APT))
        said = machine(name).check_output("systemctl show --property=Environment containerd kubelet")
        assert PASSWORD not in said
