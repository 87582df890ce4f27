# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back to before this collection: there and back is where one was; what others changed since stays."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import read_text
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.host_lock import LOCK
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import fstab, hosts_file, prepare, service
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.hosts_file import Entry
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Installed
from ansible_collections.classroom.kubeadm.plugins.module_utils._restore import plan as restore_plan
from ansible_collections.classroom.kubeadm.plugins.module_utils._restore import restorers
from ansible_collections.classroom.kubeadm.plugins.module_utils._restore.plan import (
    RestoreState,
    perform,
    plan,
    read_state,
)
from tests.unit.support.kubeadm_lab import Lab

SWAP = "/swap.img none swap sw 0 0"
KEY = "net.ipv4.ip_forward"
STATUS = "/var/lib/dpkg/status"
LAST = "file " + original_state.FILE
FILE = "/etc/containerd/config.toml"
OURS = "ours\n"


def packages(*names: str, held: bool = False) -> dict[str, Installed]:
    return {name: Installed("1.0", held) for name in names}


def written(text: str | None, mode: int | None = None) -> dict[str, Any]:
    return {"files": {FILE: {"text": text, "mode": mode}}, "written": {FILE: original_state.digest(OURS)}}


PLANS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing was kept": ({}, {}, []),
    "a package that was absent": ({"packages": {"kubelet": None}}, {"installed": packages("kubelet")},
                                  ["package kubelet", LAST]),
    "that is gone already": ({"packages": {"kubelet": None}}, {}, [LAST]),
    "another version": (
        {"packages": {"kubelet": "0.9"}}, {"installed": packages("kubelet")}, ["package kubelet", LAST]),
    "the former version": ({"packages": {"kubelet": "1.0"}}, {"installed": packages("kubelet")}, [LAST]),
    "a hold": ({"holds": {"kubelet": False}}, {"installed": packages("kubelet", held=True)}, ["hold kubelet", LAST]),
    "images": (
        {"packages": {"containerd": None}}, {"data": ("/var/lib/containerd",)}, ["data /var/lib/containerd", LAST]),
    "a file that was not there": (written(None), {"texts": {FILE: OURS}}, ["file " + FILE, LAST]),
    "a file with another content": (written("theirs\n"), {"texts": {FILE: OURS}}, ["file " + FILE, LAST]),
    "a file that is as before": (written("theirs\n"), {"texts": {FILE: "theirs\n"}}, [LAST]),
    "a file that somebody removed": (written(None), {"texts": {FILE: None}}, [LAST]),
    "a file that was written and removed": (written("theirs\n"), {"texts": {FILE: None}}, []),
    "a file that root must not write": (
        {**written("theirs\n"), "hostname": "x"},
        {"texts": {}, "hostname": "x", "not_restored": {FILE: "it is a home"}}, [LAST]),
    "a package that others need": (
        {"packages": {"runc": None}}, {"installed": packages("runc"), "stays": ("runc",)}, []),
    "another one beside it": (
        {"packages": {"runc": None, "kubelet": None}},
        {"installed": packages("runc", "kubelet"), "stays": ("runc",)}, ["package kubelet", LAST]),
    "the unit of a package that stays": (
        {"packages": {"containerd": None}, "units": {"containerd.service": ""}},
        {"installed": packages("containerd"), "stays": ("containerd",), "units": {"containerd.service": "enabled"},
         "units_staying": frozenset({"containerd.service"})}, []),
    "a file that somebody edited": (written(None), {"texts": {FILE: "edited\n"}}, [LAST]),
    "a unit": ({"units": {"x.service": "disabled"}}, {"units": {"x.service": "enabled"}}, ["disable x.service", LAST]),
    "a unit that was not there": (
        {"units": {"x.service": ""}}, {"units": {"x.service": "enabled"}}, ["disable x.service", LAST]),
    "a unit that is gone": ({"units": {"x.service": "disabled"}}, {"units": {"x.service": ""}}, [LAST]),
    "swap": ({"swaps": ["/swap.img"]}, {}, ["swap /swap.img", LAST]),
    "swap that is on again": ({"swaps": ["/swap.img"]}, {"swaps": ("/swap.img",)}, [LAST]),
    "a container's swap": ({"swaps": ["/swap.img"]}, {"container": True}, [LAST]),
    "modules": ({"modules": ["overlay", "br_netfilter"]}, {},
                ["kernel module br_netfilter", "kernel module overlay", LAST]),
    "a container's modules": ({"modules": ["overlay"]}, {"container": True}, [LAST]),
    "a setting": ({"sysctls": {KEY: "0"}}, {"settings": {KEY: "1"}}, ["kernel setting " + KEY, LAST]),
    "a setting as before": ({"sysctls": {KEY: "0"}}, {"settings": {KEY: "0"}}, [LAST]),
    "a setting that is gone": ({"sysctls": {KEY: "0"}}, {"settings": {KEY: None}}, [LAST]),
    "a setting that somebody changed": (
        {"sysctls": {KEY: "0"}}, {"settings": {KEY: "2"}, "texts": {prepare.SYSCTL_FILE: KEY + " = 1\n"}},
        ["file " + prepare.SYSCTL_FILE, LAST]),
    "the name": ({"hostname": "debian", "written": {"hostname": "node1"}}, {"hostname": "node1"},
                 ["host name debian", LAST]),
    "a name that somebody changed": (
        {"hostname": "debian", "written": {"hostname": "node1"}}, {"hostname": "pc7"}, [LAST]),
}


WARNED = {
    "a file that somebody edited", "a file that was written and removed", "a file that root must not write",
    "a package that others need", "another one beside it", "the unit of a package that stays"}


@pytest.mark.parametrize("case", PLANS)
def test_the_plan(case: str) -> None:
    former, now, titles = PLANS[case]
    found = plan(replace(RestoreState(recorded={"format": 1, **former} if former else {}), **now))
    assert [step.title for step in found.steps] == titles
    assert bool(found.warnings) is (case in WARNED)


@pytest.mark.parametrize("text", [
    "127.0.0.1 localhost\n", "127.0.0.1 localhost\n127.0.1.1 node1.example.com node1\n",
    "127.0.1.1 node1 pc7 printer\n::1 localhost\n", "", "# only words\n",
])
def test_hosts_there_and_back(text: str) -> None:
    entries = [Entry("192.168.90.101", ("node1.example.com", "node1"))]
    there = hosts_file.plan_hosts(text, entries).text
    assert there != text and hosts_file.without_block(there) == text
    assert hosts_file.without_block(there + "10.0.0.7 nas\n") == text + "10.0.0.7 nas\n"
    assert hosts_file.without_block(text) == text


def test_fstab_there_and_back() -> None:
    text = f"# disks\n/dev/vda1 / ext4 defaults 0 1\n{SWAP}\n"
    there = fstab.plan_fstab(text).text
    assert fstab.without_marks(there) == text and fstab.without_marks(text) == text
    assert fstab.without_marks(there + "/dev/vdb /srv ext4\n") == text + "/dev/vdb /srv ext4\n"


@pytest.mark.parametrize(("gone", "programs", "images"), [
    (["cri-o"], (), True), (["cri-o"], ("podman",), False), (["cri-o", "podman"], ("podman",), True),
    (["cri-o", "podman"], ("podman", "buildah"), False), (["podman"], (), False), ([], (), False),
])
def test_images_that_podman_has_as_well_stay(gone: list[str], programs: tuple[str, ...], images: bool) -> None:
    machine = NodeContext(find_program=lambda name: name if name in programs else None)
    found = restore_plan._data(machine, gone)
    assert ("/var/lib/containers/storage" in found) is images
    assert ("/var/lib/crio" in found) is ("cri-o" in gone)


@pytest.fixture
def lab(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path)
    monkeypatch.setattr(socket, "sethostname", lambda name: made.write("/proc/sys/kernel/hostname", name + "\n"))
    made.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 debian node1\n")
    made.write("/etc/hostname", "debian\n")
    made.write("/etc/fstab", SWAP + "\n")
    made.write("/proc/sys/kernel/hostname", "debian\n")
    made.write("/proc/swaps", "Filename Type Size Used Priority\n/swap.img file 1 0 -2\n")
    made.write("/proc/modules", "")
    made.write("/proc/filesystems", "nodev overlay\n")
    made.write("/proc/sys/" + KEY.replace(".", "/"), "0")
    made.write(FILE, "theirs\n")
    swapped = "Filename Type Size Used Priority\n"
    made.run.effects = {
        "swapoff": lambda: made.write("/proc/swaps", swapped),
        "swapon": lambda: made.write("/proc/swaps", swapped + "/swap.img file 1 0 -2\n"),
    }
    return made


def tree(lab: Lab) -> dict[str, str]:
    """All files but the lock, which lies on a tmpfs."""
    return {str(path): path.read_text() for path in sorted(lab.base.rglob("*"))
            if path.is_file() and not str(path).endswith(LOCK)}


def install(lab: Lab) -> None:
    """What the roles do to the machine, apart from packages."""
    spec = prepare.HostSpec(hostname="node1", hosts=(Entry("192.168.90.101", ("node1",)),), modules=("overlay",),
                            sysctls={KEY: "1"})
    prepare.Performer(lab.machine.root, lab.run).perform(
        prepare.plan(spec, prepare.read_host(lab.machine.root, spec, lab.run)), spec)
    files = tuple(service.FileSpec(path, OURS) for path in (FILE, "/etc/containerd/conf.d/50-x.toml"))
    service_wish = service.ServiceSpec("containerd.service", files)
    state = service.read_state(lab.machine.root, lab.run, service_wish)
    service.Performer(lab.machine.root, lab.run).perform(
        service_wish, [step for step in service.plan(service_wish, state) if step.action == "file"])


def back(lab: Lab) -> tuple[str, ...]:
    """Returns what could not be brought back."""
    state = read_state(lab.machine)
    return perform(lab.machine, plan(state), state)[1]


def test_there_and_back(lab: Lab) -> None:
    before = tree(lab)
    install(lab)
    assert tree(lab) != before
    assert back(lab) == ()
    assert tree(lab) == before
    assert not lab.exists("/etc/containerd/conf.d") and not lab.exists("/var/lib/classroom-kubeadm")
    lab.run.said.clear()
    assert plan(read_state(lab.machine)).steps == () and lab.run.said == []


def test_what_was_kept_first_counts_after_later_runs(lab: Lab) -> None:
    before = tree(lab)
    install(lab)
    lab.write("/etc/hosts", (lab.base / "etc/hosts").read_text().replace("101", "111"))
    install(lab)
    back(lab)
    assert tree(lab) == before


def test_later_edits_of_others_survive(lab: Lab) -> None:
    install(lab)
    hosts = lab.base / "etc/hosts"
    hosts.write_text(hosts.read_text() + "10.0.0.7 nas\n")
    lab.write("/etc/containerd/conf.d/50-x.toml", "edited\n")
    back(lab)
    assert hosts.read_text() == "127.0.0.1 localhost\n127.0.1.1 debian node1\n10.0.0.7 nas\n"
    assert (lab.base / "etc/containerd/conf.d/50-x.toml").read_text() == "edited\n"


@pytest.mark.parametrize("stopped", range(9))
def test_killed_anywhere_the_next_run_ends_where_it_began(
    lab: Lab, stopped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(lab)
    install(lab)
    perform_one: Callable[..., Any] = restore_plan._perform
    done: list[object] = []

    def killed(*arguments: Any) -> Any:
        if len(done) == stopped:
            raise KeyboardInterrupt
        done.append(arguments)
        return perform_one(*arguments)

    monkeypatch.setattr(restore_plan, "_perform", killed)
    with pytest.raises(KeyboardInterrupt):
        back(lab)
    monkeypatch.undo()
    monkeypatch.setattr(socket, "sethostname", lambda name: lab.write("/proc/sys/kernel/hostname", name + "\n"))
    assert back(lab) == () and tree(lab) == before


def test_what_cannot_be_brought_back_is_said_and_tried_again(lab: Lab) -> None:
    install(lab)
    lab.run.failures["swapon"] = Completed(255, "", "swapon: /swap.img: read swap header failed")
    assert "swap /swap.img could not be restored to 'on'" in back(lab)[0]
    assert lab.exists(original_state.FILE)
    lab.run.failures.clear()
    assert back(lab) == () and not lab.exists(original_state.FILE)


@pytest.mark.parametrize(("live", "mode"), [("0", "1"), ("1", "1"), (None, None)])
def test_selinux_enforces_again_where_there_is_still_selinux(lab: Lab, live: str | None, mode: str | None) -> None:
    if live is not None:
        lab.write("/sys/fs/selinux/enforce", live)
    original_state.keep(lab.machine.root, {"selinux": "enforcing"})
    back(lab)
    assert read_text(lab.machine.root("/sys/fs/selinux/enforce")) == mode


def test_parts_go_before_and_after_the_packages(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def part(key: str, first: bool) -> restorers.Restorer:
        def look(_machine: object, former: str) -> restorers.RestorePart:
            return restorers.RestorePart((Change(key, "it", "ours", former, "this collection changed it"),),
                                         (key + " warns",))

        def bring_back(_machine: object, step: Change, former: str) -> list[str]:
            said.append(f"{step.action} back to {former}")
            return [key + " stays"] if key == "later" else []

        return restorers.Restorer(key, look, bring_back, first)

    monkeypatch.setattr(restorers, "PARTS", (part("later", False), part("earlier", True), part("absent", True)))
    original_state.keep(lab.machine.root, {"earlier": "a", "later": "b"})
    state = read_state(lab.machine)
    found = plan(state)
    assert [step.action for step in found.steps] == ["earlier", "later", "file"]
    assert found.warnings == ("earlier warns", "later warns")
    assert perform(lab.machine, found, state)[1] == ("later stays",) and lab.exists(original_state.FILE)
    assert said == ["earlier back to a", "later back to b"]


ENTRY = "Package: {0}\nStatus: {1} ok installed\nVersion: 1.0\n\n"


def simulate(lab: Lab, *going: str, needed: str = "") -> None:
    """What dpkg says of a removal of these packages."""
    words = f"dpkg: dependency problems prevent removal of {needed}:\n docker-ce depends on {needed}."
    lines = "".join(f"Would remove or purge {name} (1.0) ...\n" for name in going)
    lab.run.failures["dpkg --purge --no-act"] = Completed(int(bool(needed)), lines, words if needed else "")


def test_packages_go_and_nothing_else(lab: Lab) -> None:
    simulate(lab, "kubelet", "runc")
    lab.write(STATUS, "".join(ENTRY.format(*each) for each in (
        ("kubelet", "hold"), ("runc", "install"), ("bash", "install"))))
    original_state.keep(lab.machine.root, {"packages": {"kubelet": None, "runc": None, "socat": None},
                                           "units": {"kubelet.service": "disabled"}})
    lab.write("/var/lib/kubelet/x")
    lab.run.effects["dpkg --purge"] = lambda: lab.write(STATUS, ENTRY.format("bash", "install"))
    assert back(lab) == ()
    said = [line for line in lab.run.said if line.startswith(("dpkg", "apt", "systemctl disable"))]
    assert said == [
        "dpkg --purge --no-act kubelet runc", "systemctl disable --now -- kubelet.service", "apt-mark unhold kubelet",
        "dpkg --purge kubelet runc"]
    assert not lab.exists("/var/lib/kubelet")


UNIT = "ActiveState=active\nSubState=running\nLoadState=loaded\nUnitFileState=enabled\n"
CONTAINERD = {"packages": {"containerd.io": None, "kubelet": None},
              "units": {"containerd.service": "", "kubelet.service": "disabled"}}


def with_docker(lab: Lab) -> None:
    """A student has put Docker upon the runtime of this collection."""
    lab.write(STATUS, "".join(ENTRY.format(name, "install") for name in ("containerd.io", "docker-ce", "kubelet")))
    lab.write("/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", "Docker's images")
    lab.write("/var/lib/kubelet/x")
    lab.run.failures["systemctl show"] = Completed(0, UNIT, "")
    simulate(lab, "kubelet", needed="containerd.io")
    left = "".join(ENTRY.format(name, "install") for name in ("containerd.io", "docker-ce"))
    lab.run.effects["dpkg --purge kubelet"] = lambda: lab.write(STATUS, left)


def test_docker_keeps_its_runtime_and_its_data(lab: Lab) -> None:
    with_docker(lab)
    lab.write("/etc/runtime.d/by-the-package")
    original_state.keep(lab.machine.root, {**CONTAINERD, "directories": ["/etc/runtime.d"]})
    state = read_state(lab.machine)
    found = plan(state)
    assert [step.title for step in found.steps] == [
        "package kubelet", "data /var/lib/kubelet", "disable kubelet.service", LAST]
    assert len(found.warnings) == 1 and "containerd.io stays" in found.warnings[0]
    assert "docker-ce depends on containerd.io" in found.warnings[0]
    assert perform(lab.machine, found, state) == ((), ())
    assert not any("containerd.service" in line for line in lab.run.changes())
    assert lab.exists("/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db")
    assert not lab.exists("/var/lib/kubelet")
    assert original_state.read(lab.machine.root) == {
        "format": 1, "packages": {"containerd.io": None}, "units": {"containerd.service": ""},
        "directories": ["/etc/runtime.d"]}
    # Again, nothing is left to be done, and it is said why
    lab.run.said.clear()
    again = plan(read_state(lab.machine))
    assert again.steps == () and len(again.warnings) == 1
    assert lab.run.changes() == ["dpkg --purge --no-act containerd.io"]
    # With Docker gone, the rest goes as well
    lab.write(STATUS, ENTRY.format("containerd.io", "install"))
    simulate(lab, "containerd.io")

    def purged() -> None:
        lab.write(STATUS, "")
        lab.remove("/etc/runtime.d/by-the-package")

    lab.run.effects["dpkg --purge containerd.io"] = purged
    assert back(lab) == () and not lab.exists("/var/lib/containerd") and not lab.exists(original_state.FILE)
    assert not lab.exists("/etc/runtime.d")


def test_a_package_that_took_the_place_of_ours_keeps_data_and_unit(lab: Lab) -> None:
    """Installing Docker removes Debian's containerd and brings containerd.io."""
    lab.write(STATUS, ENTRY.format("containerd.io", "install") + ENTRY.format("docker-ce", "install"))
    lab.write("/var/lib/containerd/x")
    original_state.keep(lab.machine.root, {"packages": {"containerd": None}, "units": {"containerd.service": ""}})
    lab.run.failures["systemctl show"] = Completed(0, UNIT, "")
    assert back(lab) == ()
    assert lab.exists("/var/lib/containerd/x") and not any("disable" in line for line in lab.run.said)


def test_a_removal_that_fails_after_all_keeps_data_and_units(lab: Lab) -> None:
    lab.write(STATUS, ENTRY.format("containerd.io", "install"))
    lab.write("/var/lib/containerd/x")
    lab.run.failures["systemctl show"] = Completed(0, UNIT, "")
    simulate(lab, "containerd.io")
    words = "dpkg: error: failed to write status database: No space left on device"
    lab.run.failures["dpkg --purge containerd.io"] = Completed(2, "", words)
    original_state.keep(lab.machine.root, {"packages": {"containerd.io": None}, "units": {"containerd.service": ""}})
    [problem] = back(lab)
    assert "containerd.io could not be removed" in problem and words in problem
    assert lab.exists("/var/lib/containerd/x") and lab.exists(original_state.FILE)
    assert {"systemctl enable -- containerd.service", "systemctl start -- containerd.service"} <= set(lab.run.said)


def test_a_simulation_that_fails_is_an_error_before_anything_is_changed(lab: Lab) -> None:
    lab.write(STATUS, ENTRY.format("runc", "install"))
    original_state.keep(lab.machine.root, {"packages": {"runc": None}})
    lab.run.failures["dpkg --purge --no-act"] = Completed(2, "", "dpkg: error: dpkg was interrupted")
    with pytest.raises(ClassroomError, match="dpkg was interrupted"):
        read_state(lab.machine)


def in_home(lab: Lab, path: str) -> None:
    lab.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n"
              f"student:x:{1000}:{1000}::/srv/student:/bin/sh\n")
    original_state.keep(lab.machine.root, {
        "files": {path: {"text": "#!/bin/sh\nid\n", "mode": 0o755}, "/etc/x.conf": {"text": "theirs\n", "mode": 0o644}},

        "written": {path: original_state.digest(OURS), "/etc/x.conf": original_state.digest(OURS)},
        "directories": [os.path.dirname(path)]})
    lab.write("/etc/x.conf", OURS)


@pytest.mark.parametrize("path", [
    "/home/student/.kube/config", "/root/.kube/config", "/srv/student/.kube/config", "/home/old/.kube/config"])
@pytest.mark.parametrize("there", [OURS, None, "link", "fifo"])
def test_what_an_earlier_version_recorded_of_homes_is_not_restored(lab: Lab, path: str, there: str | None) -> None:
    in_home(lab, path)
    target = lab.base / path.lstrip("/")
    target.parent.mkdir(parents=True)
    (lab.base / "etc/cron.hourly").mkdir()
    if there == "link":
        target.symlink_to(lab.base / "etc/cron.hourly/zz-student")
    elif there == "fifo":
        os.mkfifo(target)
    elif there:
        target.write_text(there)
    found = plan(read_state(lab.machine))
    assert [step.title for step in found.steps] == ["file /etc/x.conf", LAST]
    assert len(found.warnings) == 1 and path in found.warnings[0] and "home directory" in found.warnings[0]
    assert back(lab) == ()
    assert os.listdir(lab.base / "etc/cron.hourly") == [] and target.parent.is_dir()
    assert (lab.base / "etc/x.conf").read_text() == "theirs\n"
    assert original_state.read(lab.machine.root)["files"] == {path: {"text": "#!/bin/sh\nid\n", "mode": 0o755}}
    assert plan(read_state(lab.machine)).steps == ()


def test_a_kubeconfig_where_none_was_before_is_not_touched_and_not_named(lab: Lab) -> None:
    """As the first versions of this collection recorded each of a user."""
    path = "/home/student/.kube/config"
    original_state.keep(lab.machine.root, {"files": {path: {"text": None, "mode": None}},
                                           "written": {path: original_state.digest(OURS)},
                                           "directories": ["/home/student/.kube"]})
    (lab.base / "home/student/.kube").mkdir(parents=True)
    os.mkfifo(lab.base / path.lstrip("/"))
    found = plan(read_state(lab.machine))
    assert ([step.title for step in found.steps], found.warnings) == ([LAST], ())
    assert back(lab) == () and lab.exists(path) and not lab.exists(original_state.FILE)


@pytest.mark.parametrize("kind", ["another user's directory", "a link of another user", "writable by all"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_file_whose_way_others_can_change_is_not_restored(lab: Lab, kind: str) -> None:
    path = "/srv/data/x.conf"
    original_state.keep(lab.machine.root, {
        "files": {path: {"text": "theirs\n", "mode": None}}, "written": {path: original_state.digest(OURS)}})
    (lab.base / "srv/real").mkdir(parents=True)
    directory = lab.base / "srv/data"
    if kind == "a link of another user":
        directory.symlink_to("real")
        os.lchown(directory, 4711, 4711)
    else:
        directory.mkdir()
        directory.chmod(0o777 if kind == "writable by all" else 0o755)
        os.chown(directory, 0 if kind == "writable by all" else 4711, 0)
    (directory / "x.conf").write_text(OURS)
    found = plan(read_state(lab.machine))
    assert len(found.warnings) == 1 and path in found.warnings[0]
    assert back(lab) == () and (directory / "x.conf").read_text() == OURS
    # Exchanged between plan and act
    with pytest.raises(ClassroomError):
        restore_plan._write(lab.machine.root, path, "theirs\n")
    with pytest.raises(ClassroomError):
        restore_plan._write(lab.machine.root, path, None)
    assert (directory / "x.conf").read_text() == OURS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another group")
@pytest.mark.parametrize(("group", "passwd", "restored"), [
    ("staff:x:50:", "", True), ("staff:x:50:root", "", True), ("", "", True),
    ("staff:x:50:root,student", "", False), ("staff:x:50:", "student:x:1000:50::/home/student:/bin/sh\n", False)])
def test_a_directory_of_a_group_without_members_is_roots(lab: Lab, group: str, passwd: str, restored: bool) -> None:
    """As Debian's /usr/local."""
    path = "/usr/local/share/completions/kubectl"
    lab.write("/etc/group", group + "\n")
    lab.write("/etc/passwd", passwd)
    lab.write(path, OURS)
    directory = lab.base / "usr/local/share"
    os.chown(directory, 0, 50)
    directory.chmod(0o2775)
    original_state.keep(lab.machine.root, {"files": {path: {"text": None, "mode": None}},
                                           "written": {path: original_state.digest(OURS)}})
    back(lab)
    assert lab.exists(path) is not restored


def test_a_link_of_roots_to_another_disk_is_followed(lab: Lab) -> None:
    path = "/var/lib/x/x.conf"
    original_state.keep(lab.machine.root, {
        "files": {path: {"text": "theirs\n", "mode": None}}, "written": {path: original_state.digest(OURS)}})
    (lab.base / "data/lib/x").mkdir(parents=True)
    (lab.base / "var/lib/x").symlink_to("../../data/lib/x")
    (lab.base / "data/lib/x/x.conf").write_text(OURS)
    assert back(lab) == () and (lab.base / "data/lib/x/x.conf").read_text() == "theirs\n"


def test_a_former_kubeconfig_is_the_users_again(lab: Lab) -> None:
    lab.write("/etc/passwd", "student:x:{0}:{0}::/home/student:/bin/sh\n".format(os.getuid()))
    lab.write("/home/student/.kube/config.before-classroom", "own\n")
    lab.write("/etc/x.conf", OURS)
    original_state.keep(lab.machine.root, {"files": {"/etc/x.conf": {"text": None, "mode": None}},
                                           "written": {"/etc/x.conf": original_state.digest(OURS)}})
    assert "kubeconfig /home/student/.kube/config" in [step.title for step in plan(read_state(lab.machine)).steps]
    assert back(lab) == ()
    assert os.listdir(lab.base / "home/student/.kube") == ["config"]
    assert (lab.base / "home/student/.kube/config").read_text() == "own\n"


@pytest.mark.parametrize("in_cluster", [False, True])
def test_a_later_kubeconfig_of_the_user_is_not_replaced(lab: Lab, in_cluster: bool) -> None:
    lab.write("/etc/passwd", "student:x:{0}:{0}::/home/student:/bin/sh\n".format(os.getuid()))
    for name in ("config", "config.before-classroom"):
        lab.write("/home/student/.kube/" + name, name)
    if in_cluster:
        lab.write("/etc/kubernetes/kubelet.conf")
    original_state.keep(lab.machine.root, {"hostname": "debian"})
    state = read_state(lab.machine)
    found = plan(state)
    warnings = (*found.warnings, *perform(lab.machine, found, state)[0])
    assert len(warnings) == 1 and "config.before-classroom" in warnings[0]
    assert (lab.base / "home/student/.kube/config").read_text() == "config"


def test_rpms_go_as_well_and_the_key_with_them(lab: Lab) -> None:
    lab.write("/etc/redhat-release", "Rocky Linux release 9.6 (Blue Onyx)\n")
    rows = {"kubelet": "kubelet\t1.36.3-1.1\tx86_64\t1\n",
            "gpg-pubkey-87dce5a0-6b017633": "gpg-pubkey\t87dce5a0-6b017633\t(none)\t1\n"}
    original_state.keep(lab.machine.root, {"packages": dict.fromkeys(rows)})
    run = lab.run

    def rpm(argv: Sequence[str], **options: Any) -> Completed:
        if argv[:2] == ["rpm", "--query"]:
            return Completed(0, "".join(line for name, line in rows.items() if name in argv), "")
        if argv[:2] == ["rpm", "--erase"]:
            for name in argv[2:] if argv[2] != "--test" else ():
                del rows[name]
            return Completed(0, "", "")
        return run(argv, **options)

    machine = replace(lab.machine, run=rpm)
    state = read_state(machine)
    assert [step.title for step in plan(state).steps] == ["package " + name for name in sorted(rows)] + [LAST]
    assert perform(machine, plan(state), state) == ((), ())
    assert rows == {} and not any("dpkg" in line or "apt" in line for line in lab.run.said)


def test_dnfs_copies_of_the_repository_go(lab: Lab) -> None:
    path = "/etc/yum.repos.d/classroom.repo"
    text = "[classroom]\nname=x\n"
    original_state.keep(lab.machine.root, original_state.former_files(lab.machine.root, {path: text}))
    lab.write(path, text)
    stored, other = "/var/cache/dnf/classroom-93ef/repodata/repomd.xml", "/var/cache/dnf/appstream.solv"
    lab.write(stored)
    lab.write(other)
    back(lab)
    assert (lab.exists(path), lab.exists(stored), lab.exists(other)) == (False, False, True)


def test_apts_lists_of_the_repository_go(lab: Lab) -> None:
    path = "/etc/apt/sources.list.d/classroom.sources"
    text = "Types: deb\nURIs: http://192.168.90.10:8080/apt\n"
    original_state.keep(lab.machine.root, original_state.former_files(lab.machine.root, {path: text}))
    lab.write(path, text)
    lists = "/var/lib/apt/lists/"
    for name in ("192.168.90.10:8080_apt_._InRelease", "packages.example.org_debian_InRelease"):
        lab.write(lists + name)
    back(lab)
    assert not lab.exists(path) and lab.exists(lists + "packages.example.org_debian_InRelease")
    assert not lab.exists(lists + "192.168.90.10:8080_apt_._InRelease")
