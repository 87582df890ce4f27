# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The utility serves again after its services, and after itself; and one of a former release becomes one of this."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.airgap import CLASS, NET, in_room
from tests.support.snapshots import machine
from tools.paths import ROOT

UTILITY = "utility.example.com"
PULL = "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d registry.k8s.io/pause:3.10.2"
ASKS = f"curl --silent --fail --output /dev/null --cacert /etc/containers/certs.d/{NET}.10:5000/ca.crt"
SERVES = (
    f"timeout 60 sh -c 'until {ASKS} https://{NET}.10:5000/v2/ && {ASKS} http://{NET}.10:8080/apt/InRelease; "
    "do sleep 0.3; done'"
)
# As the release before this one had them: no TLS, and everybody might read
FORMER_SERVER = """\
server {
    listen 5000;
    location / {
        limit_except GET { deny all; }
        proxy_pass http://127.0.0.1:5001;
        proxy_set_header Host $http_host;
    }
}
server { listen 8080; root /srv/bundle; autoindex on; }
"""
FORMER_HOSTS = f"""\
server = "https://registry.k8s.io"

[host."http://{NET}.10:5000"]
capabilities = ["pull", "resolve"]
"""


def restart_services() -> None:
    machine(UTILITY).check_output("systemctl restart classroom-registry nginx")


def restart_machine() -> None:
    subprocess.run(["podman", "stop", "--time", "5", UTILITY], check=True, capture_output=True)
    up = [sys.executable, str(ROOT / "testbed/cli.py"), "up", "--set", "molecule"]
    subprocess.run(up, check=True, capture_output=True)
    # The network's gateway came back with it
    machine(UTILITY).check_output("ip route delete default; umount /srv/bundles")


@pytest.mark.parametrize("restart", [restart_services, restart_machine])
def test_it_serves_again(restart: Callable[[], None]) -> None:
    restart()
    node1 = machine("node1")
    node1.check_output(SERVES)
    node1.check_output(PULL)


def test_a_run_after_that_has_nothing_to_do() -> None:
    run = in_room("site.yml", *CLASS)
    assert run.status == 0, run.output
    assert set(run.changed.values()) == {0}, run.output


def test_a_former_utility_gets_its_certificate_without_harm() -> None:
    utility, node1 = machine(UTILITY), machine("node1")
    conf = "/etc/nginx/conf.d/classroom-kubeadm.conf"
    utility.check_output(f"cat > {conf} <<'END'\n{FORMER_SERVER}END\nrm -r /etc/classroom-registry/tls")
    utility.check_output("systemctl restart nginx")
    node1.check_output("rm -r /etc/containers/certs.d /etc/containers/registries.conf.d")
    node1.check_output(f"cat > /etc/containerd/certs.d/registry.k8s.io/hosts.toml <<'END'\n{FORMER_HOSTS}END")
    node1.check_output(PULL)
    process = "systemctl show --value --property=MainPID containerd"
    before = node1.check_output(process)
    run = in_room("site.yml", *CLASS)
    assert run.status == 0, run.output
    node1.check_output(PULL)
    node1.check_output(SERVES)
    # What it reads at every pull is no reason to restart it
    assert node1.check_output(process) == before
    again = in_room("site.yml", *CLASS)
    assert set(again.changed.values()) == {0}, again.output
