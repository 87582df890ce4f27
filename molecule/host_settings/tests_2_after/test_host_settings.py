# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true of the prepared machines, what the audit says when they drift, and the way back to what they were."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbooks import Run, ad_hoc, kept_prints, playbook
from tests.support.snapshots import all_prints, machine

NAMES = ("master", "node1")
HERE = Path(__file__).resolve().parents[1]
CONVERGE = "../molecule/host_settings/converge.yml"
SETTINGS = ("-e", f"@{HERE / 'vars' / 'settings.yml'}")
SILENT = "time server 192.0.2.123: it does not respond at UDP port 123"
# What the programs that keep lists of users and firewalld leave behind each change
COPIES = re.compile(r"^/etc/((sub)?[gu]id|g?shadow|group|passwd)-$|^/etc/firewalld/.*\.xml\.old$")
# The roles that are about the machine alone; containerd's and the others' need a source of packages
AUDIT = ("-e", '{"_audit_roles": ["preflight", "host", "host_interfaces", "firewall"], "audit_drift": true}')


@pytest.fixture(params=NAMES)
def host(request: pytest.FixtureRequest) -> Any:
    """One machine of each family."""
    return machine(request.param)


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def drift(tmp_path: Path) -> list[dict[str, str]]:
    report = tmp_path / "audit.json"
    run = succeeded(playbook("audit.yml", *SETTINGS, *AUDIT, "-e", f"audit_file={report}"))
    assert set(run.changed.values()) == {0}
    found: list[dict[str, str]] = json.loads(report.read_text(encoding="utf-8"))["findings"]
    return [finding for finding in found if finding["section"] == "drift"]


def test_a_run_that_changes_nothing_still_names_the_server_that_is_silent() -> None:
    run = succeeded(playbook(CONVERGE))
    assert set(run.changed.values()) == {0}
    assert " ".join(run.output.split()).count(SILENT) >= 1, run.output


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_the_inventorys(name: str) -> None:
    host = machine(name)
    assert host.check_output("hostname") == name
    assert host.file("/etc/hostname").content_string == f"{name}\n"


def test_hosts_file_has_everybody_once(host: Any) -> None:
    lines = host.file("/etc/hosts").content_string.splitlines()
    assert sum(line.startswith("# BEGIN classroom.kubeadm") for line in lines) == 1
    assert not any("gone.example.com" in line for line in lines)
    assert "198.51.100.9 printer.school.example printer" in lines
    addresses = {name: machine(name).check_output("hostname -I").split()[0] for name in NAMES}
    for name, address in addresses.items():
        assert host.check_output(f"getent ahostsv4 {name} | cut -d' ' -f1 | sort -u") == address
    assert host.check_output("getent hosts files").split()[0] == "203.0.113.20"
    # The name that was on a loopback address beside the node's own is still there
    assert "installer" in host.check_output("getent hosts 127.0.1.1")


def test_no_swap_after_a_boot(host: Any) -> None:
    table = host.file("/etc/fstab").content_string.splitlines()
    assert [line for line in table if " swap " in line and not line.startswith("#")] == []
    assert "UUID=0a3407de-014b-458b-b5c1-848e92a327a3 / ext4 errors=remount-ro 0 1" in table
    assert host.file("/etc/systemd/system/systemd-zram-setup@.service.d/50-classroom-kubeadm.conf").exists
    for unit in (r"no\x2dsuch\x2dswap.swap", "zramswap.service"):
        assert "50-classroom-kubeadm.conf" in host.check_output(f"systemctl show --property=DropInPaths '{unit}'")
    # Asked for, it is passed over; that there is no such file does not come to light
    host.check_output(r"systemctl start 'no\x2dsuch\x2dswap.swap'")
    assert host.check_output(r"systemctl show --value -p ConditionResult,Result 'no\x2dsuch\x2dswap.swap'").split() == [
        "success", "no"]


def test_the_kernel_forwards_now_and_after_a_boot(host: Any) -> None:
    assert host.check_output("sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables") == "1\n1"
    assert "net.ipv4.ip_forward = 1\n" in host.file("/etc/sysctl.d/90-classroom-kubeadm.conf").content_string


def test_selinux_is_permissive_where_there_is_selinux() -> None:
    assert machine("master").file("/etc/selinux/config").content_string == \
        "# Of the installer\nSELINUX=permissive\nSELINUXTYPE=targeted\n"
    assert not machine("node1").file("/etc/selinux/config").exists


@pytest.mark.parametrize(("name", "unit"), [("master", "chronyd"), ("node1", "chrony")])
def test_chrony_keeps_the_clock(name: str, unit: str) -> None:
    host = machine(name)
    assert host.service(unit).is_running and host.service(unit).is_enabled
    assert "192.0.2.123" in host.check_output("chronyc -n sources")


def test_no_other_service_keeps_the_clock() -> None:
    service = machine("node1").service("systemd-timesyncd")
    assert not service.is_running and not service.is_enabled


@pytest.mark.parametrize("where", ["", "--permanent"], ids=["live", "after a boot"])
def test_the_firewall_lets_in_what_the_role_needs_beside_what_it_did(where: str) -> None:
    ports = machine("master").check_output(f"firewall-cmd {where} --list-ports").split()
    assert {"6443/tcp", "9100/tcp"} <= set(ports) and not {"10250/tcp", "8472/udp"} & set(ports)
    rules = machine("master").check_output(f"firewall-cmd {where} --list-rich-rules").splitlines()
    # One for each of the two hosts
    assert len(rules) == 4 and sum('port="10250" protocol="tcp"' in each for each in rules) == 2
    assert "ssh" in machine("master").check_output(f"firewall-cmd {where} --list-services").split()


def test_network_manager_leaves_the_interfaces_of_pods_alone() -> None:
    host = machine("master")
    host.check_output("ip link add cni7 type bridge")
    try:
        states = host.check_output("sleep 1; nmcli --terse --fields DEVICE,STATE device").splitlines()
    finally:
        host.check_output("ip link delete cni7")
    assert "cni7:unmanaged" in states


def test_drift_is_told_from_both_sides(tmp_path: Path) -> None:
    host = machine("node1")
    host.check_output("sysctl -q -w net.ipv4.ip_forward=0")
    host.check_output("echo '# mine' >> /etc/sysctl.d/90-classroom-kubeadm.conf")
    found = {(each["host"], each["kind"], each["subject"], each["reason"].split(" and ")[0])
             for each in drift(tmp_path)}
    edited = "it was changed after this collection had written it"
    later = "/etc/sysctl.d/99-installer.conf is applied after /etc/sysctl.d/90-classroom-kubeadm.conf"
    setting = ("kernel setting", "net.ipv4.ip_forward")
    assert {
        ("node1", *setting, "the running kernel has another value"), ("node1", *setting, later),
        ("node1", "file", "/etc/sysctl.d/90-classroom-kubeadm.conf", edited), ("master", *setting, later),
    } <= found, found
    assert {each[0] for each in found if each[1:3] == ("time server", "192.0.2.123")} == set(NAMES)
    run = succeeded(playbook(CONVERGE))
    assert run.changed == {"master": 0, "node1": 1}


def test_bare_is_what_was_before() -> None:
    succeeded(playbook("reset.yml", *SETTINGS, "-e", "reset_confirm=true", "-e", "reset_level=bare"))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    left = {name: {line.split()[-1] for line in lines ^ set(before[name])} for name, lines in all_prints(NAMES).items()}
    # The block of a run of long ago was this collection's, too
    assert {name: {file for file in files if not COPIES.search(file)} for name, files in left.items()} == {
        name: {"/etc/hosts"} for name in NAMES}
    for name in NAMES:
        hosts = machine(name).file("/etc/hosts").content_string
        assert hosts == f"127.0.0.1 localhost\n127.0.1.1 {name}.old.example {name} installer\n" \
                        "198.51.100.9 printer.school.example printer\n"
        assert machine(name).check_output(
            "sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables; hostname") == "0\n0\ninstaller"
        assert machine(name).check_output(r"systemctl show --value -p DropInPaths 'no\x2dsuch\x2dswap.swap'") == ""


def test_the_firewall_is_the_administrators_again() -> None:
    host = machine("master")
    assert host.service("firewalld").is_running
    assert host.check_output("firewall-cmd --list-ports; firewall-cmd --permanent --list-ports") == "9100/tcp\n9100/tcp"
    assert host.check_output("firewall-cmd --list-rich-rules; firewall-cmd --zone=trusted --list-interfaces") == ""


def test_the_clock_is_whose_it_was() -> None:
    service = machine("node1").service("systemd-timesyncd")
    assert service.is_running and service.is_enabled
    assert not machine("node1").package("chrony").is_installed
    assert not machine("master").service("chronyd").is_running


def test_two_inventories_open_ports_on_one_host() -> None:
    """As on a utility that both use: each closes what it has opened itself, in both configurations of firewalld."""
    def sources(owner: str, *networks: str) -> set[str]:
        options = {"ports": ["5000/tcp"] if networks else [], "sources": list(networks), "owners": [owner]}
        succeeded(ad_hoc("master", "classroom.kubeadm.host_firewalld", options))
        live, permanent = (
            set(re.findall(r'source address="([^"]+)"', machine("master").check_output(
                f"firewall-cmd {where} --list-rich-rules"))) for where in ("", "--permanent"))
        assert live == permanent
        return live

    assert sources("monday", "192.0.2.0/25") == {"192.0.2.0/25"}
    assert sources("tuesday", "192.0.2.0/25", "192.0.2.128/25") == {"192.0.2.0/25", "192.0.2.128/25"}
    assert sources("monday") == {"192.0.2.0/25", "192.0.2.128/25"}
    assert sources("tuesday", "192.0.2.0/25") == {"192.0.2.0/25"}
    assert sources("tuesday") == set()
