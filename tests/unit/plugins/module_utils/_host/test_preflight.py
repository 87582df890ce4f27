# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine is, and whether it can become a node."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host import kernel
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.facts import (
    Address,
    HostFacts,
    addresses_of,
    read_facts,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.packet_filter import Blocked
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.preflight import (
    check,
    minimum_size,
    report,
    warnings,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.requirements import HostRequirements
from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime import runtimes

GOOD = HostFacts(
    os_family="debian", distribution="debian", version="13", codename="trixie", architecture="amd64", hostname="node1",
    machine_id="0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa",
    addresses=(Address("eth0", "10.0.2.15", 24), Address("eth1", "192.168.90.101", 24)), default_interface="eth0",
    cpus=2, memory_mib=1968, free_mib=20000, container=False, cgroup_version=2, cgroup_missing=(),
    cap_sys_resource=True, modules_loadable=True,
    kernel_features={"overlay": kernel.LOADABLE, "br_netfilter": kernel.PRESENT}, firewalld=False,
    network_manager=False, blocked=(), swaps=(), clock_offset=0.3,
    sockets=("/run/containerd/containerd.sock",), port_owner=None, initialized=False, joined=False,
)
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
MASTER = HostRequirements("control_plane", address="192.168.90.101")
WORKER = HostRequirements("worker", address="192.168.90.101", min_memory_mib=900, min_cpus=1)
UTILITY = HostRequirements("utility", min_memory_mib=200, min_cpus=1)
ALL = (MASTER, WORKER, UTILITY)


@pytest.mark.parametrize("spec", ALL)
def test_a_good_host_may_become_anything(spec: HostRequirements) -> None:
    assert check(spec, GOOD) == []


@pytest.mark.parametrize("spec", ALL)
def test_every_host_may_be_of_the_red_hat_family(spec: HostRequirements) -> None:
    assert check(spec, replace(GOOD, os_family="redhat", distribution="rocky", version="9.6")) == []


@pytest.mark.parametrize(("family", "name", "version", "message"), [
    ("debian", "debian", "13", None), ("debian", "debian", "12", "12 is rendered and compared, but not tested"),
    ("debian", "ubuntu", "26.04", "ubuntu 26.04 is rendered and compared, but not tested"),
    ("redhat", "rocky", "9.6", "rocky 9.6 is rendered"), ("redhat", "almalinux", "10.0", "almalinux 10.0 is rendered"),
    ("redhat", "rhel", "10", "rhel 10 is rendered"), ("redhat", "fedora", "44", "fedora 44 is rendered"),
    ("redhat", "fedora", "45", "fedora 45 is neither tested nor compared: it is expected to work because it is of the "
     "Red Hat family; tested is Debian 13."),
    ("debian", "debian", "130", "130 is neither"), ("debian", "debian", "", "distribution debian is neither"),
    ("debian", "linuxmint", "22", "linuxmint 22 is neither tested nor compared: it is expected to work because it is "
     "of the Debian family"),
    # An error already
    ("other", "alpine", "3.20", None),
])
def test_a_distribution_that_was_not_tested_is_a_warning(
    family: str, name: str, version: str, message: str | None,
) -> None:
    found = warnings(replace(GOOD, os_family=family, distribution=name, version=version))
    assert len(found) == (message is not None)
    assert message is None or message in found[0]
    # One warning for all hosts, which Ansible shows once
    assert found == warnings(replace(GOOD, os_family=family, distribution=name, version=version, hostname="node2"))


@pytest.mark.parametrize(("spec", "different", "message"), [
    (MASTER, {"memory_mib": 1690}, "expected at least 1700 MiB of memory for this role, found 1690 MiB"),
    (MASTER, {"cpus": 1}, "expected at least 2 CPUs for this role, found 1"),
    (MASTER, {"port_owner": "nginx"},
     "Port 6443 is in use: expected it free for the API server, found 'nginx' listening"),
    (MASTER, {"port_owner": "unknown"}, "found 'unknown' listening"),
    (WORKER, {"clock_offset": 300.0}, "at most 60 s difference to the controller's, found it 300 s ahead"),
    (WORKER, {"clock_offset": -61.0}, "found it 61 s behind"),
    (UTILITY, {"clock_offset": 7200.0}, "found it 7200 s ahead"),
    (WORKER, {"addresses": (Address("eth0", "10.0.2.15", 24),)},
     "expected 192.168.90.101 on an interface of this host, found 10.0.2.15 on eth0"),
    (WORKER, {"addresses": ()}, "interface of this host, found none"),
    (WORKER, {"cgroup_version": 0, "cgroup_missing": ("cpu", "memory", "pids")}, "found no cgroup hierarchy"),
    (WORKER, {"cgroup_version": 1, "cgroup_missing": ("memory",)}, "found version 1 without memory"),
    (WORKER, {"os_family": "other", "distribution": "alpine", "version": "3.20"}, "found alpine 3.20"),
    (replace(WORKER, cri_socket="/run/crio/crio.sock"), {},
     "expected its socket /run/crio/crio.sock, found /run/containerd/containerd.sock"),
    (replace(WORKER, cri_socket="/run/crio/crio.sock"), {"sockets": ()}, "found no runtime's socket"),
    (replace(WORKER, runtime=runtimes.RuntimeSpec("crio")), {"kubelet_socket": "/run/containerd/containerd.sock"},
     "found this host in a cluster with containerd"),
    (WORKER, {"machine_id": ""}, "The machine ID is missing: expected one in /etc/machine-id, found none"),
    (WORKER, {"machine_id": "uninitialized"}, "The machine ID is missing: expected one in /etc/machine-id, found none"),
    (WORKER, {"kernel_features": {"overlay": kernel.PRESENT, "br_netfilter": kernel.MISSING}},
     "found br_netfilter neither built in nor"),
    (WORKER, {"free_mib": 100}, "1024 MiB free in /var, found 100 MiB"),
    (WORKER, {"blocked": (Blocked("ufw", ("10250/tcp", "30000-32767/udp")),)},
     "expected 10250/tcp, 30000-32767/udp open for other hosts, found them closed by ufw. Open them with "
     "'ufw allow 10250/tcp', 'ufw allow 30000:32767/udp', or disable"),
    (UTILITY, {"blocked": (Blocked("the chain input of nftables' table inet mine", ("5000/tcp",)),)},
     "found that the chain input of nftables' table inet mine drops their traffic"),
    (WORKER, {"blocked": (Blocked("the chain forward of nftables' table inet mine"),)},
     "expected it to be forwarded, found that the chain forward of nftables' table inet mine drops it"),
])
def test_each_problem_has_its_message(spec: HostRequirements, different: dict[str, Any], message: str) -> None:
    failures = check(spec, replace(GOOD, **different))
    assert len(failures) == 1
    assert message in failures[0]


@pytest.mark.parametrize(("spec", "different"), [
    (MASTER, {"port_owner": "kube-apiserver"}),
    (WORKER, {"port_owner": "nginx"}),
    (WORKER, {"clock_offset": 59.0}),
    (WORKER, {"cpus": 1, "memory_mib": 964}),
    (UTILITY, {"kernel_features": {"overlay": kernel.MISSING}, "cgroup_version": 0}),
    (WORKER, {"swaps": ("/dev/sda2",)}),
    (replace(WORKER, cri_socket="/run/containerd/containerd.sock"), {}),
    (replace(WORKER, runtime=runtimes.RuntimeSpec("containerd")),
     {"kubelet_socket": "/run/containerd/containerd.sock"}),
])
def test_what_is_not_in_the_way(spec: HostRequirements, different: dict[str, Any]) -> None:
    assert check(spec, replace(GOOD, **different)) == []


def test_everything_is_said_at_once() -> None:
    bad = replace(GOOD, cpus=1, memory_mib=512, clock_offset=600.0)
    failures = check(MASTER, bad)
    assert len(failures) == 3
    message = report(MASTER, bad, failures)
    assert message.startswith("node1 cannot become a control plane: (1) The clock is wrong")
    assert all(failure in message for failure in failures)


@pytest.mark.parametrize(("role", "expected"), [
    ("control_plane", (1700, 2)), ("worker", (900, 1)), ("utility", (200, 1)),
])
def test_least(role: str, expected: tuple[int, int]) -> None:
    assert minimum_size(role) == expected


LINKS = [
    {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
    {"ifname": "eth0", "addr_info": [
        {"family": "inet", "local": "192.168.90.101", "prefixlen": 24, "scope": "global"},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global"},
    ]},
    {},
]
ROUTES = ("Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
          "eth1 00000000 0102A8C0 0003 0 0 100 00000000 0 0 0\n"
          "eth0 00000000 0102A8C0 0003 0 0 20 00000000 0 0 0\n"
          "eth0 005AA8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n")


def test_only_addresses_that_others_reach() -> None:
    assert addresses_of(json.dumps(LINKS)) == (
        Address("eth0", "192.168.90.101", 24), Address("eth0", "2001:db8::1", 64))


@pytest.fixture
def small(machine: Any, fake_run: Any) -> Any:
    machine.write("/etc/os-release", 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n')
    machine.write("/etc/machine-id", "abc\n")
    machine.write("/proc/meminfo", "MemTotal:  2015232 kB\nMemFree: 1 kB\n")
    machine.write("/proc/net/route", ROUTES)
    machine.write("/proc/1/status", "CapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n")
    machine.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n")
    machine.write("/var/x", "")
    fake_run.on("ip", "-j", "addr", out=json.dumps(LINKS))
    fake_run.on("systemctl", "is-active", rc=3, out="inactive\nactive\n")
    return machine


def test_a_host_is_read(small: Any, fake_run: Any) -> None:
    small.write("/run/crio/crio.sock", "")
    small.write("/etc/kubernetes/kubelet.conf", "")
    found = read_facts(small.root, fake_run, WORKER, 1000.0, 940.0)
    assert (found.os_family, found.distribution) == ("debian", "ubuntu")
    assert (found.version, found.codename) == ("24.04", "noble")
    assert (found.machine_id, found.memory_mib, found.default_interface) == ("abc", 1968, "eth0")
    assert (found.cgroup_version, found.cgroup_missing) == (2, ("pids",))
    assert (found.cap_sys_resource, found.container, found.modules_loadable) == (False, False, False)
    assert (found.clock_offset, found.sockets) == (60.0, ("/run/crio/crio.sock",))
    assert (found.initialized, found.joined, found.port_owner) == (False, True, None)
    assert (found.firewalld, found.network_manager, found.blocked) == (False, True, ())
    json.dumps(found.facts())


@pytest.mark.parametrize(("spec", "owner"), [(MASTER, "unknown"), (WORKER, None), (UTILITY, None)])
def test_the_port_is_read_where_it_is_checked(
    small: Any, fake_run: Any, spec: HostRequirements, owner: str | None
) -> None:
    small.write("/proc/net/tcp", "head\n 0: 00000000:192B 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n")
    assert read_facts(small.root, fake_run, spec, 0.0, None).port_owner == owner


def test_without_the_controllers_time_the_clock_is_not_checked(small: Any, fake_run: Any) -> None:
    assert read_facts(small.root, fake_run, WORKER, 1000.0, None).clock_offset == 0.0


def test_redhat_release_decides_before_os_release(small: Any, fake_run: Any) -> None:
    small.write("/etc/redhat-release", "Rocky Linux release 9.6 (Blue Onyx)\n")
    found = read_facts(small.root, fake_run, WORKER, 0.0, None)
    assert (found.os_family, found.distribution, found.version) == ("redhat", "rocky", "9.6")


def test_a_wanted_socket_may_lie_anywhere(small: Any, fake_run: Any) -> None:
    small.write("/run/other.sock", "")
    spec = replace(WORKER, cri_socket="/run/other.sock")
    assert read_facts(small.root, fake_run, spec, 0.0, None).sockets == ("/run/other.sock",)


@pytest.mark.parametrize(("cgroups", "directories", "expected"), [
    ("#subsys_name hierarchy num_cgroups enabled\ncpu 1 1 1\ncpuset 4 1 1\nmemory 2 1 1\npids 3 1 1\n", CONTROLLERS,
     (1, ())),
    ("cpu 1 1 1\ncpuset 4 1 1\nmemory 0 1 0\npids 3 1 1\n", CONTROLLERS, (1, ("memory",))),
    ("cpu 1 1 1\ncpuset 4 1 1\nmemory 0 1 1\npids 3 1 1\n", (), (0, CONTROLLERS)),
])
def test_cgroup_version_one(
    small: Any, fake_run: Any, cgroups: str, directories: tuple[str, ...], expected: tuple[int, tuple[str, ...]],
) -> None:
    small.path("/sys/fs/cgroup/cgroup.controllers").unlink()
    small.write("/proc/cgroups", cgroups)
    for name in directories:
        small.path("/sys/fs/cgroup/" + name).mkdir()
    found = read_facts(small.root, fake_run, WORKER, 0.0, None)
    assert (found.cgroup_version, found.cgroup_missing) == expected


@pytest.mark.parametrize(("file", "content"), [
    ("/run/systemd/container", "podman"), ("/run/.containerenv", ""), ("/.dockerenv", ""),
    ("/proc/1/environ", "PATH=/bin\0container=podman\0"),
])
def test_the_marks_of_a_container(small: Any, fake_run: Any, file: str, content: str) -> None:
    small.write(file, content)
    assert read_facts(small.root, fake_run, WORKER, 0.0, None).container
