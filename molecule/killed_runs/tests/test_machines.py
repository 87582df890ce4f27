# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The killed runs left no half package, no process and no secret on any machine."""

from __future__ import annotations

from typing import Any

testinfra_hosts = ["ansible://k8s_cluster"]


def test_packages_are_whole(host: Any) -> None:
    assert host.check_output("dpkg --audit") == ""
    differing = host.run("dpkg --verify containerd kubeadm kubectl kubelet").stdout.splitlines()
    # The image of the machines leaves all documentation out
    assert [line for line in differing if "/usr/share/doc/" not in line] == []
    assert host.check_output("find /usr/bin /opt /etc -name '*.dpkg-new' -o -name '*.dpkg-tmp'") == ""


def test_packages_are_held(host: Any) -> None:
    assert {"containerd", "kubeadm", "kubectl", "kubelet"} <= set(host.check_output("apt-mark showhold").split())


def test_nothing_of_a_killed_run_goes_on(host: Any) -> None:
    assert host.run("pgrep -x -l 'kubeadm|apt-get|dpkg'").stdout == ""


def test_no_secret_of_a_join_is_left(host: Any) -> None:
    assert not host.file("/etc/kubernetes/bootstrap-kubelet.conf").exists
    assert not host.file("/run/classroom-kubeadm").exists
