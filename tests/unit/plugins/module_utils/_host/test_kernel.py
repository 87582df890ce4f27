# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Features that are there, and kernel settings."""

from __future__ import annotations

import gzip
import os
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import kernel

RELEASE = os.uname().release
OWN = "/etc/sysctl.d/90-classroom-kubeadm.conf"


@pytest.mark.parametrize(("name", "file", "content", "expected"), [
    ("overlay", "/proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n", kernel.PRESENT),
    ("overlay", "/proc/filesystems", "nodev\toverlayfs2\n", kernel.MISSING),
    ("overlay", "/sys/module/overlay/parameters/metacopy", "N", kernel.PRESENT),
    ("br_netfilter", "/proc/sys/net/bridge/bridge-nf-call-iptables", "1", kernel.PRESENT),
    ("nf_conntrack", "/proc/sys/net/netfilter/nf_log/0", "NONE", kernel.MISSING),
    ("ip_vs", "/proc/net/ip_vs", "", kernel.PRESENT),
    ("overlay", "/lib/modules/" + RELEASE + "/modules.builtin", "kernel/fs/overlayfs/overlay.ko\n", kernel.PRESENT),
    ("br_netfilter", "/lib/modules/" + RELEASE + "/modules.dep",
     "kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\n", kernel.LOADABLE),
    ("ip_vs_rr", "/lib/modules/" + RELEASE + "/modules.dep", "kernel/net/ip-vs-rr.ko:\n", kernel.LOADABLE),
    ("bridge", "/lib/modules/" + RELEASE + "/modules.dep", "x/br_netfilter.ko: x/bridge.ko\n", kernel.MISSING),
    ("overlay", "/lib/modules/0.0.1/modules.dep", "kernel/fs/overlayfs/overlay.ko:\n", kernel.MISSING),
])
def test_a_feature_counts_when_it_is_there(machine: Any, name: str, file: str, content: str, expected: str) -> None:
    machine.write(file, content)
    assert kernel.feature(machine.root, name) == expected


@pytest.mark.parametrize(("config", "expected"), [
    ("CONFIG_IP_VS_RR=y\n", kernel.PRESENT), ("CONFIG_IP_VS_RR=m\n", kernel.MISSING),
    ("# CONFIG_IP_VS_RR is not set\n", kernel.MISSING),
])
def test_the_last_resort_is_the_kernels_configuration(machine: Any, config: str, expected: str) -> None:
    machine.write("/proc/config.gz", "")
    machine.path("/proc/config.gz").write_bytes(gzip.compress(("CONFIG_X=y\n" + config).encode()))
    assert kernel.feature(machine.root, "ip_vs_rr") == expected


def test_swaps(machine: Any) -> None:
    assert kernel.read_swaps(machine.root) == ()
    machine.write("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"
                  "/dev/zram0 partition 1 0 100\n/a\\040swap file 1 0 -2\n")
    assert kernel.read_swaps(machine.root) == ("/dev/zram0", "/a swap")


@pytest.mark.parametrize(("key", "path"), [
    ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
    ("net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward"),
    ("net.ipv4.conf.eth0/100.forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
    ("net/ipv4/conf/eth0.100/forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
])
def test_the_file_of_a_key(key: str, path: str) -> None:
    assert kernel.sysctl_path(key) == path


def test_a_setting_is_read_and_written(machine: Any) -> None:
    machine.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    key = "net.ipv4.ip_local_port_range"
    assert kernel.read_setting(machine.root, key) == kernel.Setting("32768 60999", True)
    kernel.write_setting(machine.root, key, "1024 60999")
    assert kernel.read_setting(machine.root, key).value == "1024 60999"
    assert kernel.read_setting(machine.root, "net.none") == kernel.Setting(None, False)


def test_a_refused_setting_is_named(machine: Any) -> None:
    with pytest.raises(ClassroomError, match=r"net\.none = 1, found no such key"):
        kernel.write_setting(machine.root, "net.none", "1")


@pytest.mark.parametrize(("file", "text", "warned"), [
    ("/etc/sysctl.d/99-local.conf", "net.ipv4.ip_forward=0\n", True),
    ("/usr/lib/sysctl.d/99-vendor.conf", "# x\n-net/ipv4/ip_forward = 0\n", True),
    ("/etc/sysctl.conf", "net.ipv4.ip_forward = 0\n", True),
    ("/etc/sysctl.d/99-local.conf", "net.ipv4.ip_forward=1\nnet.other=0\n", False),
    ("/etc/sysctl.d/99-local.conf", "#net.ipv4.ip_forward=0\n;net.ipv4.ip_forward=0\n", False),
    ("/etc/sysctl.d/10-early.conf", "net.ipv4.ip_forward=0\n", False),
    ("/etc/sysctl.d/99-local.bak", "net.ipv4.ip_forward=0\n", False),
])
def test_a_later_file_that_says_otherwise_is_named(machine: Any, file: str, text: str, warned: bool) -> None:
    machine.write(file, text)
    found = kernel.later_assignments(machine.root, OWN, {"net.ipv4.ip_forward": "1"})
    assert [(key, file in sentence) for key, sentence in found] == ([("net.ipv4.ip_forward", True)] if warned else [])


def test_of_two_files_with_one_name_the_administrators_counts(machine: Any) -> None:
    machine.write("/etc/sysctl.d/99-x.conf", "net.ipv4.ip_forward=1\n")
    machine.write("/usr/lib/sysctl.d/99-x.conf", "net.ipv4.ip_forward=0\n")
    assert kernel.later_assignments(machine.root, OWN, {"net.ipv4.ip_forward": "1"}) == []
