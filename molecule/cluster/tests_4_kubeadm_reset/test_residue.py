# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `kubeadm reset -f` by hand leaves on the hosts, as the audit reports it and as its commands show it."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.playbooks import playbook
from tests.support.snapshots import NODES, machine

# Kind and subject of what is left on each host
EVERYWHERE = {
    ("interface", "cni0"), ("interface", "flannel.1"), ("nft table", "ip kube-proxy"), ("nft table", "ip6 kube-proxy"),
    ("iptables chain", "filter KUBE-FIREWALL (ip)"), ("iptables chain", "filter FLANNEL-FWD (ip)"),
    ("iptables chain", "nat FLANNEL-POSTRTG (ip)"), ("iptables chain", "mangle KUBE-KUBELET-CANARY (ip6)"),
    ("CNI configuration", "/etc/cni/net.d/10-flannel.conflist"), ("directory", "/run/flannel"),
    ("directory", "/var/lib/cni"), ("directory", "/var/log/pods"), ("directory", "/var/log/containers"),
    ("directory", "/etc/kubernetes/pki"), ("directory", "/usr/libexec/kubernetes"),
}
ON_MASTER = {("kubeconfig", "/root/.kube/config"), ("kubectl cache", "/root/.kube/cache")}
Findings = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Return the residue of each host after the reset."""
    master = machine("master")
    # As kubeadm tells the administrator after `kubeadm init`
    master.check_output("mkdir -p /root/.kube && cp /etc/kubernetes/admin.conf /root/.kube/config && kubectl get nodes")
    with ThreadPoolExecutor(len(NODES)) as pool:
        list(pool.map(lambda name: machine(name).check_output("kubeadm reset -f"), NODES))
    report = tmp_path_factory.mktemp("audit") / "audit.json"
    run = playbook("audit.yml", "--limit", "k8s_cluster", "-e", f"audit_file={report}", "-e", "audit_drift=false")
    assert run.status == 0, run.output
    found = [one for one in json.loads(report.read_text(encoding="utf-8"))["findings"] if one["section"] == "residue"]
    return {name: [one for one in found if one["host"] == name] for name in NODES}


@pytest.mark.parametrize("name", NODES)
def test_the_audit_finds_what_is_left(findings: Findings, name: str) -> None:
    found = {(one["kind"], one["subject"]) for one in findings[name]}
    assert not EVERYWHERE - found, EVERYWHERE - found
    assert (found & ON_MASTER == ON_MASTER) == (name == "master"), found


@pytest.mark.parametrize("name", NODES)
def test_each_command_shows_what_was_found(findings: Findings, name: str) -> None:
    """In one shell, which prints the commands that fail or print nothing."""
    script = "\n".join(
        f'[ -n "$({one["command"]})" ] || echo {shlex.quote(one["command"])}' for one in findings[name])
    assert machine(name).check_output(script) == ""
