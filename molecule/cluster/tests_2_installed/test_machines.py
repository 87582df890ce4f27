# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true on each machine of the cluster."""

from __future__ import annotations

from typing import Any

import pytest

testinfra_hosts = ["ansible://k8s_cluster"]

VERSION = "1.36.3"


def inventory_address(host: Any) -> str:
    return str(host.ansible.get_variables()["ansible_host"])


def test_name_and_hosts_file(host: Any) -> None:
    name = host.ansible.get_variables()["inventory_hostname"]
    assert host.check_output("hostname") == name
    assert host.check_output("hostname -f") == f"{name}.example.com"
    for peer in ("master", "node1", "node2", "utility"):
        addresses = {line.split()[0] for line in host.check_output(f"getent ahosts {peer}.example.com").splitlines()}
        assert len(addresses) == 1, addresses


@pytest.mark.parametrize(
    "key", ["net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"]
)
def test_kernel_settings_are_live_and_kept(host: Any, key: str) -> None:
    assert host.sysctl(key) == 1
    assert f"{key} = 1" in host.file("/etc/sysctl.d/90-classroom-kubeadm.conf").content_string


@pytest.mark.parametrize("package", ["kubeadm", "kubelet", "kubectl", "containerd"])
def test_packages_are_pinned_and_held(host: Any, package: str) -> None:
    assert package in host.check_output("apt-mark showhold").split()
    if package != "containerd":
        assert host.package(package).version.startswith(f"{VERSION}-")


@pytest.mark.parametrize("unit", ["containerd", "kubelet"])
def test_services_run_now_and_after_a_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_the_node_address_is_the_inventorys(host: Any) -> None:
    assert f"--node-ip={inventory_address(host)}" in host.check_output("ps -C kubelet -o args=")


def test_images_keep_their_upstream_names(host: Any) -> None:
    images = host.check_output("ctr --namespace k8s.io images list --quiet").split()
    names = [image for image in images if not image.startswith("sha256:")]
    assert any(name.startswith("registry.k8s.io/kube-proxy:") for name in names)
    assert [name for name in names if not name.startswith(("registry.k8s.io/", "ghcr.io/"))] == []


def test_no_secret_of_the_join_is_left(host: Any) -> None:
    assert not host.file("/etc/kubernetes/bootstrap-kubelet.conf").exists
    leftovers = host.check_output(
        # kubectl keeps what it learns of an API under a name of its own
        "find /tmp /run /root /var/tmp -xdev -path /root/.kube -prune -o -name '*discovery*' -print "
        "-o -name '*kubeadm*conf*' -print"
    )
    assert leftovers == ""
