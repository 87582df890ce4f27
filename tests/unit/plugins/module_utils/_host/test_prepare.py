# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host as Kubernetes needs it: every thing that may already be so, or not, or be impossible."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import kernel, prepare, swap
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.hosts_file import Entry, plan_hosts
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.prepare import (
    HostSpec,
    HostState,
    Performer,
    plan,
)

ENTRIES = (Entry("192.168.90.101", ("node1.example.com", "node1")),)
KEY = "net.ipv4.ip_forward"
SPEC = HostSpec("node1", ENTRIES, False, ("overlay", "br_netfilter"), {KEY: "1"})
HEADER = "# Written by the collection classroom.kubeadm; the next run replaces changes made here.\n"
READY = HostState(
    hostname="node1",
    hostname_text="node1\n",
    hosts=plan_hosts("127.0.0.1 localhost\n", ENTRIES).text,
    fstab="/dev/sda1 / ext4 defaults 0 1\n",
    features={"overlay": kernel.PRESENT, "br_netfilter": kernel.PRESENT},
    modules_text=HEADER + "overlay\nbr_netfilter\n",
    settings={KEY: kernel.Setting("1", True)},
    sysctl_text=HEADER + KEY + " = 1\n",
)
SWAP_LINE = "/swap.img none swap sw 0 0"


def test_a_ready_host_needs_nothing() -> None:
    found = plan(SPEC, READY)
    assert (found.steps, found.former, found.warnings) == ((), {}, ())


def test_an_empty_spec_changes_nothing() -> None:
    bare = HostState(hostname="debian", hosts="", fstab="", swaps=("/dev/sda2",))
    assert plan(HostSpec(swap=True), bare).steps == ()


@pytest.mark.parametrize(("different", "titles", "former"), [
    ({"hostname": "debian"}, ["host name node1"], {"hostname": "debian"}),
    ({"hostname_text": "debian\n"}, ["host name node1"], {"hostname": "node1"}),
    ({"hostname_text": None}, ["host name node1"], {"hostname": "node1"}),
    ({"hosts": "127.0.1.1 node1\n"}, ["file /etc/hosts"], {"hosts": "127.0.1.1 node1\n"}),
    ({"hosts": None}, ["file /etc/hosts"], {"hosts": ""}),
    ({"swaps": ("/dev/sda2", "/dev/zram0")}, ["swap /dev/sda2", "swap /dev/zram0"],
     {"swaps": ["/dev/sda2", "/dev/zram0"]}),
    ({"fstab": SWAP_LINE + "\n"}, ["file /etc/fstab"], {"fstab": [SWAP_LINE]}),
    ({"fstab": None}, [], {}),
    ({"features": {"overlay": kernel.LOADABLE, "br_netfilter": kernel.PRESENT}}, ["kernel module overlay"],
     {"modules": ["overlay"]}),
    ({"modules_text": None}, ["file /etc/modules-load.d/classroom-kubeadm.conf"], {}),
    ({"modules_text": None, "modules_loadable": False}, [], {}),
    ({"modules_text": None, "container": True}, [], {}),
    ({"settings": {KEY: kernel.Setting("0", True)}}, ["kernel setting net.ipv4.ip_forward"], {"sysctls": {KEY: "0"}}),
    ({"settings": {KEY: kernel.Setting(None, False)},
      "features": {"overlay": kernel.PRESENT, "br_netfilter": kernel.LOADABLE}},
     ["kernel module br_netfilter", "kernel setting net.ipv4.ip_forward"], {"modules": ["br_netfilter"]}),
    ({"sysctl_text": ""}, ["file /etc/sysctl.d/90-classroom-kubeadm.conf"], {}),
])
def test_each_difference_is_one_step_with_its_former_value(
    different: dict[str, Any], titles: list[str], former: dict[str, Any],
) -> None:
    found = plan(SPEC, replace(READY, **different))
    assert [step.title for step in found.steps] == titles
    assert {key: value for key, value in found.former.items() if key != "written"} == former
    assert all(step.reason for step in found.steps)


@pytest.mark.parametrize(("spec", "different", "message"), [
    (replace(SPEC, hostname="Node_1"), {}, "found 'Node_1'"),
    (replace(SPEC, hostname="n" * 64), {}, "The host name is invalid"),
    (SPEC, {"hosts": "10.0.0.9 node1\n"}, "expected node1 at 192.168.90.101, found '10.0.0.9 node1'"),
    (SPEC, {"fstab": "garbage\n"}, "/etc/fstab is invalid: .*, found 'garbage' in line 1"),
    (SPEC, {"features": {"overlay": kernel.MISSING, "br_netfilter": kernel.MISSING}},
     "expected overlay, br_netfilter, found neither built in .* boot the installed one"),
    (SPEC, {"features": {"overlay": kernel.MISSING, "br_netfilter": kernel.PRESENT}, "container": True},
     "expected overlay, .* on the host of this container"),
    (SPEC, {"settings": {KEY: kernel.Setting("0", False)}}, "net.ipv4.ip_forward = 1, found 0, and it is read-only"),
    (SPEC, {"settings": {KEY: kernel.Setting(None, False)}}, "net.ipv4.ip_forward = 1, found no such key"),
])
def test_what_cannot_be_is_said_before_anything_is_done(
    spec: HostSpec, different: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClassroomError, match=message):
        plan(spec, replace(READY, **different))


def test_a_read_only_setting_that_is_right_is_right() -> None:
    assert plan(SPEC, replace(READY, settings={KEY: kernel.Setting("1", False)})).steps == ()


def test_swap_of_a_container_belongs_to_its_host() -> None:
    found = plan(SPEC, replace(READY, container=True, swaps=("/dev/sda2",)))
    assert found.steps == ()
    assert "belongs to the host" in found.warnings[0]


def test_swap_stays_when_it_may() -> None:
    host = replace(READY, swaps=("/dev/sda2",), fstab=SWAP_LINE + "\n")
    assert plan(replace(SPEC, swap=True), host).steps == ()


def test_a_later_sysctl_file_is_a_finding() -> None:
    found = plan(SPEC, replace(READY, later=((KEY, "99-x.conf wins"),)))
    assert (found.steps, found.findings) == ((), (f"kernel setting {KEY}: 99-x.conf wins",))


@pytest.mark.parametrize(("written", "reason"), [
    ({}, "the settings applied at boot differ"),
    ({prepare.SYSCTL_FILE: original_state.digest("edited")}, "the settings applied at boot differ"),
    ({prepare.SYSCTL_FILE: original_state.digest("ours")}, "it was changed after this collection had written it"),
])
def test_an_edit_of_our_file_is_distinguished_from_another_spec(written: dict[str, str], reason: str) -> None:
    found = plan(SPEC, replace(READY, sysctl_text="edited", written=written))
    assert [step.reason for step in found.steps] == [reason]


def test_swap_units_get_drop_ins_of_which_the_way_back_is_kept(machine: Any, fake_run: Any) -> None:
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.write("/run/systemd/container", "podman")
    machine.write("/etc/systemd/system/dev-vdb.swap", "[Swap]\nWhat=/dev/vdb\n")
    fake_run.on("systemctl")
    planned = plan(HostSpec(), prepare.read_host(machine.root, HostSpec(), fake_run))
    assert [step.target for step in planned.steps] == [swap.ALL_SWAP]
    assert "/etc/systemd/system/dev-vdb.swap would switch swap on at boot" in planned.steps[0].reason
    Performer(machine.root, fake_run).perform(planned, HostSpec())
    assert machine.read(swap.ALL_SWAP) == swap.DROP_IN
    assert fake_run.calls == [["systemctl", "daemon-reload"]]
    former = original_state.read(machine.root)
    assert former["files"] == {swap.ALL_SWAP: {"text": None, "mode": None}}
    assert former["directories"] == [os.path.dirname(swap.ALL_SWAP)]
    assert plan(HostSpec(), prepare.read_host(machine.root, HostSpec(), fake_run)).steps == ()


def test_selinux_is_set_and_kept(machine: Any, fake_run: Any) -> None:
    machine.write("/etc/selinux/config", "SELINUX=enforcing\n")
    machine.write("/sys/fs/selinux/enforce", "1")
    spec = HostSpec(swap=True, selinux="permissive")
    planned = plan(spec, prepare.read_host(machine.root, spec, fake_run))
    Performer(machine.root, fake_run).perform(planned, spec)
    assert machine.read("/etc/selinux/config") == "SELINUX=permissive\n"
    assert machine.read("/sys/fs/selinux/enforce") == "0"
    former = original_state.read(machine.root)
    assert former["selinux"] == "enforcing" and former["files"]["/etc/selinux/config"]["text"] == "SELINUX=enforcing\n"
    assert plan(spec, prepare.read_host(machine.root, spec, fake_run)).steps == ()


@pytest.fixture
def bare(machine: Any) -> Any:
    """A machine of the installer's making, with an existing feature and a loadable one."""
    machine.write("/proc/sys/kernel/hostname", "debian\n")
    machine.write("/etc/hostname", "debian\n")
    machine.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 node1\n")
    machine.write("/etc/fstab", SWAP_LINE + "\n")
    machine.write("/proc/swaps", "Filename Type Size Used Priority\n/swap.img file 1 0 -2\n")
    machine.write("/proc/modules", "")
    machine.write("/sys/module/overlay/refcnt", "1")
    machine.write(f"/lib/modules/{os.uname().release}/modules.dep", "x/br_netfilter.ko:\n")
    machine.write("/proc/sys/net/ipv4/ip_forward", "0\n")
    return machine


def test_a_bare_host_becomes_ready_and_stays_so(
    bare: Any, fake_run: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    named: list[str] = []
    monkeypatch.setattr(socket, "sethostname", named.append)
    for command in ("swapoff", "modprobe"):
        fake_run.on(command)
    planned = plan(SPEC, prepare.read_host(bare.root, SPEC, fake_run))
    Performer(bare.root, fake_run).perform(planned, SPEC)

    assert fake_run.calls == [["swapoff", "/swap.img"], ["modprobe", "br_netfilter"]]
    assert named == ["node1"]
    assert bare.read("/etc/hostname") == "node1\n"
    assert "192.168.90.101 node1.example.com node1\n" in bare.read("/etc/hosts")
    assert bare.read("/etc/fstab") == "#classroom.kubeadm# " + SWAP_LINE + "\n"
    assert bare.read("/proc/sys/net/ipv4/ip_forward") == "1"
    assert original_state.read(bare.root) == {
        "format": 1, "hostname": "debian", "hosts": "127.0.0.1 localhost\n127.0.1.1 node1\n", "fstab": [SWAP_LINE],
        "swaps": ["/swap.img"], "modules": ["br_netfilter"], "sysctls": {KEY: "0"}, "written": {
            "hostname": "node1", prepare.SYSCTL_FILE: original_state.digest(HEADER + KEY + " = 1\n")},
    }
    # what the commands would have done
    bare.write("/proc/swaps", "Filename Type Size Used Priority\n")
    bare.write("/proc/sys/kernel/hostname", "node1\n")
    bare.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1")
    assert plan(SPEC, prepare.read_host(bare.root, SPEC, fake_run)).steps == ()


def test_former_values_are_kept_before_the_first_change(bare: Any, fake_run: Any) -> None:
    fake_run.on("hostnamectl")
    bare.path("/run/systemd/system").mkdir(parents=True)
    fake_run.on("swapoff", rc=255, err="Cannot allocate memory")
    planned = plan(SPEC, prepare.read_host(bare.root, SPEC, fake_run))
    with pytest.raises(Exception, match="Cannot allocate memory"):
        Performer(bare.root, fake_run).perform(planned, SPEC)
    assert original_state.read(bare.root)["sysctls"] == {KEY: "0"}


def test_systemd_is_told_the_name_and_of_the_changed_fstab(bare: Any, fake_run: Any) -> None:
    bare.path("/run/systemd/system").mkdir(parents=True)
    for command in ("hostnamectl", "swapoff", "modprobe", "systemctl"):
        fake_run.on(command)
    Performer(bare.root, fake_run).perform(plan(SPEC, prepare.read_host(bare.root, SPEC, fake_run)), SPEC)
    assert fake_run.calls[0] == ["hostnamectl", "set-hostname", "node1"]
    assert fake_run.calls[-1] == ["systemctl", "daemon-reload"]


@pytest.mark.parametrize("there_anyway", [True, False])
def test_a_refused_module_matters_only_without_the_feature(bare: Any, fake_run: Any, there_anyway: bool) -> None:
    spec = HostSpec(swap=True, modules=("br_netfilter",))
    planned = plan(spec, prepare.read_host(bare.root, spec, fake_run))
    fake_run.on("modprobe", rc=1, err="Operation not permitted")
    if there_anyway:
        bare.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1")
        Performer(bare.root, fake_run).perform(planned, spec)
    else:
        with pytest.raises(ClassroomError, match="expected br_netfilter loaded, found that modprobe fails: Operation"):
            Performer(bare.root, fake_run).perform(planned, spec)


def test_a_setting_that_does_not_take_the_value_is_named(
    bare: Any, fake_run: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "write_setting", lambda root, key, value: None)
    spec = HostSpec(swap=True, sysctls={KEY: "1"})
    with pytest.raises(ClassroomError, match=r"ip_forward = 1, found 0 after writing it"):
        Performer(bare.root, fake_run).perform(plan(spec, prepare.read_host(bare.root, spec, fake_run)), spec)
