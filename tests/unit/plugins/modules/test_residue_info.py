# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module residue_info: what it returns on a machine of each state, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import residue_info
from tests.unit.support.residue_lab import Host, link

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host(tmp_path)
    found.write("/etc/machine-id", "0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa\n")
    found.links(link("eth0"))
    monkeypatch.setattr(residue_info, "NodeContext", lambda: found.machine)
    return found


def snapshot(host: Host) -> list[str]:
    return sorted(str(path) for path in host.base.rglob("*"))


@pytest.mark.parametrize("check", [True, False])
def test_a_clean_host(host: Host, run_main: Run, check: bool) -> None:
    result = run_main(residue_info.main, {}, check=check)
    assert (result["failed"], result["changed"], result["cluster"]) == (False, False, "none")
    assert (result["residue"], result["hygiene"]) == ([], [])
    assert result["identity"]["machine_id"] == "0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa"


@pytest.mark.parametrize("check", [True, False])
def test_leftovers_are_listed_and_left(host: Host, run_main: Run, check: bool) -> None:
    host.write("/run/flannel/subnet.env")
    host.links(link("eth0"), link("cni0", "bridge"))
    before = snapshot(host)
    result = run_main(residue_info.main, {"address": "192.168.90.101"}, check=check)
    assert [(each["kind"], each["subject"]) for each in result["residue"]] == [
        ("interface", "cni0"), ("directory", "/run/flannel")]
    assert set(result["residue"][0]) == {"kind", "subject", "command", "reason", "owner"}
    assert result["changed"] is False
    assert snapshot(host) == before


@pytest.mark.parametrize(("files", "cluster", "subjects"), [
    (["/etc/kubernetes/kubelet.conf"], "worker", ["/run/cilium"]),
    (["/etc/kubernetes/admin.conf", "/etc/kubernetes/manifests/kube-apiserver.yaml"], "control plane", ["/run/cilium"]),
    (["/etc/kubernetes/pki/ca.crt"], "unfinished", ["/etc/kubernetes/pki", "/run/flannel", "/run/cilium"]),
])
def test_a_part_of_a_cluster_is_no_residue(
    host: Host, run_main: Run, files: list[str], cluster: str, subjects: list[str]
) -> None:
    for path in files:
        host.write(path, "")
    host.directory("/run/flannel")
    host.directory("/run/cilium")
    host.process(40, "flanneld", cgroup="/kubepods/besteffort/pod12345678/c")
    result = run_main(residue_info.main, {})
    assert result["cluster"] == cluster
    assert [each["subject"] for each in result["residue"] if each["kind"] == "directory"] == subjects
