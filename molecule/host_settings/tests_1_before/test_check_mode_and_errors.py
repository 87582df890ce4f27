# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the machines, what check mode says of it, and what is refused before anything is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.playbooks import FAILED, kept_prints, playbook
from tests.support.snapshots import all_prints, machine, machine_print

NAMES = ("master", "node1")
CONVERGE = "../molecule/host_settings/converge.yml"


@pytest.fixture(params=NAMES)
def host(request: pytest.FixtureRequest) -> Any:
    """One machine of each family."""
    return machine(request.param)


def test_the_hosts_are_known_as_they_were() -> None:
    prints = {name: sorted(lines) for name, lines in all_prints(NAMES).items()}
    kept_prints().write_text(json.dumps(prints), encoding="utf-8")


def test_names_are_wrong(host: Any) -> None:
    assert host.check_output("hostname") == "installer"
    hosts = host.file("/etc/hosts").content_string
    assert "127.0.1.1 " in hosts and "192.0.2.77 gone.example.com gone" in hosts
    assert host.run("getent hosts files.school.example").rc != 0


def test_swap_would_come_with_the_next_boot(host: Any) -> None:
    assert len([line for line in host.file("/etc/fstab").content_string.splitlines() if " swap " in line]) == 2
    assert host.check_output(r"systemctl is-enabled 'no\x2dsuch\x2dswap.swap' zramswap") == "enabled\nenabled"
    assert "[zram0]" in host.file("/etc/systemd/zram-generator.conf").content_string


def test_the_kernel_does_not_forward(host: Any) -> None:
    assert host.check_output("sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables") == "0\n0"


def test_the_clock_is_not_chronys() -> None:
    assert not machine("master").service("chronyd").is_running
    assert machine("node1").service("systemd-timesyncd").is_running
    assert not machine("node1").package("chrony").is_installed


def test_the_firewall_lets_no_node_in() -> None:
    host = machine("master")
    assert host.check_output("firewall-cmd --list-ports") == "9100/tcp"
    assert host.check_output("firewall-cmd --permanent --list-ports") == "9100/tcp"


def test_network_manager_would_take_whatever_comes() -> None:
    host = machine("master")
    assert host.service("NetworkManager").is_running
    assert "unmanaged-devices" not in host.check_output("NetworkManager --print-config")


def test_selinux_would_enforce() -> None:
    assert "\nSELINUX=enforcing\n" in machine("master").file("/etc/selinux/config").content_string
    assert not machine("node1").file("/etc/selinux/config").exists


def test_check_mode_says_it_all_and_changes_nothing() -> None:
    before = all_prints(NAMES)
    run = playbook(CONVERGE, "--check", "--diff")
    assert run.status == 0, run.output
    # NetworkManager and the firewall have tasks of their own, and run on one machine only
    assert run.changed == {"master": 3, "node1": 1}, run.output
    for words in (
        "/etc/systemd/system/swap.d/50-classroom-kubeadm.conf", "zramswap.service.d", "SELINUX=permissive",
        "time service systemd-timesyncd.service: (chrony keeps the clock)", "package chrony: (it is missing)",
        "server 192.0.2.123 iburst", "kernel setting net.ipv4.ip_forward: (the running kernel has another value)",
    ):
        assert words in run.output, f"{words}\n{run.output}"
    assert all_prints(NAMES) == before


@contextmanager
def changed(host: Any, there: str, back: str) -> Iterator[None]:
    """A machine that is a little different for the time of a test."""
    host.check_output(there)
    try:
        yield
    finally:
        host.check_output(back)


@pytest.mark.parametrize(("there", "back", "arguments", "says"), [
    ("cp /etc/fstab /root/fstab && echo 'a line of nothing at all, and not of numbers' >> /etc/fstab",
     "cat /root/fstab > /etc/fstab && rm /root/fstab", (),
     "expected an entry 'device mountpoint type options dump pass', found 'a line of nothing at all"),
    ("mount --bind /proc/sys/net/ipv4 /proc/sys/net/ipv4 && mount -o remount,bind,ro /proc/sys/net/ipv4",
     "umount /proc/sys/net/ipv4", (),
     "expected net.ipv4.ip_forward = 1, found 0, and it is read-only on this host"),
    ("true", "true", ("-e", "cluster_kube_proxy_mode=ipvs"),
     "ip_vs_sh neither built in nor as a module of the running kernel"),
    ("true", "true", ("-e", '{"host_time_servers": ["two words"]}'),
     "A time server is invalid: expected a host name or an address, found 'two words'"),
    ("true", "true", ("-e", '{"host_hosts": [{"address": "203.0.113.20", "names": ["master"]}]}'),
     "expected one address for master, found both"),
    ("sed -i s/enforcing/disabled/ /etc/selinux/config", "sed -i s/disabled/enforcing/ /etc/selinux/config",
     ("-e", "host_selinux=enforcing"), "SELinux cannot be set: expected enforcing, found it disabled"),
], ids=["fstab", "read-only", "ipvs", "time server", "hosts", "selinux"])
def test_what_cannot_be_is_refused(there: str, back: str, arguments: tuple[str, ...], says: str) -> None:
    before = machine_print("master")
    with changed(machine("master"), there, back):
        run = playbook(CONVERGE, "--limit", "master", *arguments)
    assert run.status == FAILED and run.changed["master"] == 0, run.output
    assert says in run.failures["master"], run.output
    assert machine_print("master") == before
