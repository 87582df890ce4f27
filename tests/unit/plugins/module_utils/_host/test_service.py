# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service and its files: every state of the unit, every age of the files."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state as kept
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.service import (
    PLACE,
    FileSpec,
    FileState,
    Performer,
    ServiceSpec,
    ServiceState,
    Trial,
    plan,
    read_files,
    read_state,
    try_files,
    validate,
    with_other_owners,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.systemd import Unit

CONFIG = FileSpec("/etc/web/web.conf", "new\n")
DROP_IN = FileSpec("/etc/systemd/system/web.service.d/10.conf", "[Service]\n")
RUNNING = Unit("web.service", "loaded", "active", "running", "enabled", started=1000.0, changed=1000.0)
STOPPED = replace(RUNNING, active_state="inactive", sub_state="dead")
SPEC = ServiceSpec("web.service", (CONFIG,), enabled=True, state="started")
SAME = FileState("new\n", 0o644, 900.0)
OTHER = FileState("old\n", 0o644, 900.0)
LATER = replace(SAME, changed=1100.0)
AHEAD = replace(SAME, changed=9999.0)


def titles(spec: ServiceSpec, unit: Unit, *files: FileState) -> list[str]:
    state = ServiceState(unit, {file.path: state for file, state in zip(spec.files, files, strict=True)}, now=2000.0)
    return [step.title for step in plan(spec, state)]


@pytest.mark.parametrize(("file", "file_steps", "restart"), [
    (SAME, [], False),
    (LATER, [], True),
    (AHEAD, [], False),
    (OTHER, ["file /etc/web/web.conf"], True),
    (FileState(), ["file /etc/web/web.conf"], True),
    (replace(SAME, mode=0o600), ["mode /etc/web/web.conf"], False),
])
@pytest.mark.parametrize(("unit", "state"), [
    (RUNNING, "started"), (RUNNING, None), (RUNNING, "stopped"),
    (STOPPED, "started"), (STOPPED, None), (STOPPED, "stopped"),
])
def test_unit_by_file_by_spec(
    file: FileState, file_steps: list[str], restart: bool, unit: Unit, state: str | None,
) -> None:
    expected = list(file_steps)
    if unit is RUNNING and state == "stopped":
        expected.append("stop web.service")
    elif unit is RUNNING and restart:
        expected.append("restart web.service")
    elif unit is STOPPED and state == "started":
        expected.append("start web.service")
    assert titles(replace(SPEC, state=state), unit, file) == expected


@pytest.mark.parametrize(("active", "sub", "state", "expected"), [
    ("failed", "failed", "started", ["start web.service"]),
    ("activating", "auto-restart", "started", ["start web.service"]),
    ("activating", "start", "started", []),
    ("reloading", "reload", "started", []),
    ("activating", "auto-restart", None, []),
    ("failed", "failed", "stopped", []),
    ("activating", "auto-restart", "stopped", ["stop web.service"]),
])
def test_other_states_of_a_unit(active: str, sub: str, state: str | None, expected: list[str]) -> None:
    assert titles(replace(SPEC, state=state), replace(RUNNING, active_state=active, sub_state=sub), SAME) == expected


@pytest.mark.parametrize(("enabled", "found", "expected"), [
    (True, "enabled", []), (True, "static", []), (True, "disabled", ["enable web.service"]),
    (True, "", ["enable web.service"]), (False, "enabled", ["disable web.service"]), (False, "disabled", []),
    (False, "static", []), (None, "disabled", []), (None, "enabled", []),
])
def test_enablement(enabled: bool | None, found: str, expected: list[str]) -> None:
    assert titles(replace(SPEC, enabled=enabled), replace(RUNNING, unit_file_state=found), SAME) == expected


def test_a_changed_drop_in_is_read_before_the_restart() -> None:
    assert titles(replace(SPEC, files=(DROP_IN,)), RUNNING, FileState()) == [
        "file " + DROP_IN.path, "daemon-reload systemd", "restart web.service"]


def test_units_that_an_earlier_run_did_not_make_known() -> None:
    assert titles(SPEC, replace(RUNNING, needs_daemon_reload=True), SAME) == ["daemon-reload systemd"]


@pytest.mark.parametrize(("files", "found", "unit", "expected"), [
    ((CONFIG,), (OTHER,), RUNNING, ["file /etc/web/web.conf", "reload web.service"]),
    ((CONFIG,), (LATER,), RUNNING, ["reload web.service"]),
    # reloaded after the file was written: the process is old, its configuration is not
    ((CONFIG,), (LATER,), replace(RUNNING, changed=1200.0), []),
    ((DROP_IN,), (replace(LATER, content=DROP_IN.content),), replace(RUNNING, changed=1200.0), ["restart web.service"]),
])
def test_reload(files: tuple[FileSpec, ...], found: tuple[FileState, ...], unit: Unit, expected: list[str]) -> None:
    assert titles(replace(SPEC, files=files, on_change="reload"), unit, *found) == expected


@pytest.mark.parametrize(("found", "expected"), [
    (FileState(), []),
    (SAME, ["file " + DROP_IN.path, "daemon-reload systemd", "restart web.service"]),
    (LATER, ["file " + DROP_IN.path, "daemon-reload systemd", "restart web.service"]),
])
def test_a_file_that_is_not_wanted(found: FileState, expected: list[str]) -> None:
    assert titles(replace(SPEC, files=(replace(DROP_IN, content=None),)), RUNNING, found) == expected


def test_a_file_that_goes_is_kept(machine: Any, fake_run: Any) -> None:
    spec = ServiceSpec("web.service", (replace(CONFIG, content=None),))
    machine.write(CONFIG.path, "old\n").chmod(0o640)
    Performer(machine.root, fake_run).perform(spec, [Change("file", CONFIG.path, "old\n", "", "it is to be absent")])
    assert machine.read(CONFIG.path) is None
    former = kept.read(machine.root)
    assert former["files"] == {CONFIG.path: {"text": "old\n", "mode": 0o640}} and former["written"] == {}


def test_secret_content_is_not_shown() -> None:
    secret = replace(CONFIG, content="topsecret", secret=True)
    state = ServiceState(RUNNING, {secret.path: replace(OTHER, content="oldsecret")}, now=2000.0)
    shown = str(as_diff(plan(replace(SPEC, files=(secret,)), state)))
    assert "secret" not in shown
    assert "(not shown)" in shown


@pytest.mark.parametrize("content", [None, "open\n"])
def test_a_secret_that_goes_is_not_shown_either(content: str | None) -> None:
    state = ServiceState(RUNNING, {CONFIG.path: FileState("topsecret", 0o600)}, now=2000.0)
    shown = str(as_diff(plan(replace(SPEC, files=(replace(CONFIG, content=content),)), state)))
    assert "topsecret" not in shown and "(not shown)" in shown and (content or "").strip() in shown


@pytest.mark.parametrize("files", [(replace(CONFIG, path="etc/web.conf"),), (CONFIG, CONFIG)])
def test_a_list_of_files_that_makes_no_sense(files: tuple[FileSpec, ...]) -> None:
    with pytest.raises(ClassroomError, match="expected different files with absolute paths"):
        titles(replace(SPEC, files=files), RUNNING, *[SAME] * len(files))


@pytest.mark.parametrize(("spec", "unit", "message"), [
    (SPEC, Unit("web.service"), "expected web.service, found no unit of that name"),
    (replace(SPEC, state=None), Unit("web.service"), "found no unit of that name"),
    (SPEC, replace(STOPPED, load_state="masked"), "found it masked"),
    (replace(SPEC, files=(replace(CONFIG, path="/etc/systemd/system/web.service"),)), Unit("web.service"), None),
    (replace(SPEC, state="stopped", enabled=False), Unit("web.service"), None),
    (SPEC, STOPPED, None),
])
def test_what_can_never_come_true(spec: ServiceSpec, unit: Unit, message: str | None) -> None:
    if message is None:
        validate(spec, ServiceState(unit))
    else:
        with pytest.raises(ClassroomError, match=message):
            validate(spec, ServiceState(unit))


def show(active: str, sub: str = "running", result: str = "success") -> str:
    return f"LoadState=loaded\nActiveState={active}\nSubState={sub}\nResult={result}\n"


def performer(machine: Any, fake_run: Any) -> Performer:
    return Performer(machine.root, fake_run, sleep=lambda seconds: None)


def test_files_are_written_and_systemd_is_asked_in_order(machine: Any, fake_run: Any) -> None:
    spec = replace(SPEC, files=(DROP_IN, replace(CONFIG, mode=0o600)))
    fake_run.on("systemctl", "show", out="LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n")
    fake_run.on("systemctl")
    steps = plan(spec, read_state(machine.root, fake_run, spec))
    performer(machine, fake_run).perform(spec, steps)
    assert machine.read(DROP_IN.path) == "[Service]\n"
    assert machine.path(CONFIG.path).stat().st_mode & 0o777 == 0o600
    assert [call[1] for call in fake_run.calls] == ["show", "daemon-reload", "enable", "reset-failed", "start"]


def test_only_the_mode(machine: Any, fake_run: Any) -> None:
    machine.write(CONFIG.path, CONFIG.content).chmod(0o600)
    fake_run.on("systemctl", "show", out=show("active") + "UnitFileState=enabled\n")
    performer(machine, fake_run).perform(SPEC, plan(SPEC, read_state(machine.root, fake_run, SPEC)))
    assert machine.path(CONFIG.path).stat().st_mode & 0o777 == 0o644


def test_a_start_that_fails_carries_the_units_last_words(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=show("failed", "failed", "exit-code"))
    fake_run.on("systemctl", "reset-failed").on("systemctl", "start", rc=1, err="Job failed")
    fake_run.on("journalctl", out="web: unknown key 'colour' in line 3\n")
    steps = plan(SPEC, ServiceState(STOPPED, {CONFIG.path: SAME}, 2000.0))
    with pytest.raises(ClassroomError, match=r"failed \(failed, exit-code\)(.|\n)*unknown key 'colour' in line 3"):
        performer(machine, fake_run).perform(SPEC, steps)


def test_a_failed_enablement_is_systemctls_own_error(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "enable", rc=1, err="Read-only file system")
    steps = plan(SPEC, ServiceState(replace(RUNNING, unit_file_state="disabled"), {CONFIG.path: SAME}, 2000.0))
    with pytest.raises(Exception, match=r"enable -- web\.service' ended with 1: Read-only"):
        performer(machine, fake_run).perform(SPEC, steps)


def test_waiting_for_a_unit_that_ends_right_after_its_start(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=show("failed", "failed", "exit-code")).on("journalctl")
    with pytest.raises(ClassroomError, match=r"it logged nothing"):
        performer(machine, fake_run).wait(SPEC, acted=True)


@pytest.mark.parametrize(("unit_type", "acted", "slept"), [
    ("simple", True, [0.5]), ("exec", True, [0.5]), ("simple", False, []),
    ("notify", True, []), ("forking", True, []), ("dbus", True, []), ("oneshot", True, []),
])
def test_only_a_unit_that_does_not_report_its_start_has_time_to_end(
    machine: Any, fake_run: Any, unit_type: str, acted: bool, slept: list[float]
) -> None:
    fake_run.on("systemctl", "show", out=show("active") + f"Type={unit_type}\n")
    seconds = list[float]()
    Performer(machine.root, fake_run, sleep=seconds.append).wait(SPEC, acted)
    assert seconds == slept and len(fake_run.calls) == 1 + len(slept)


def test_waiting_for_a_unit_that_is_still_starting(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=show("activating", "start")).on("systemctl", "show", out=show("active"))
    performer(machine, fake_run).wait(SPEC, acted=True)
    assert len(fake_run.calls) == 2


@pytest.mark.parametrize("state", ["stopped", None])
def test_nothing_to_wait_for(machine: Any, fake_run: Any, state: str | None) -> None:
    performer(machine, fake_run).wait(replace(SPEC, state=state), acted=True)
    assert performer(machine, fake_run).ready(replace(SPEC, state=state), STOPPED)
    assert fake_run.calls == []


def test_waiting_for_a_socket_that_answers(machine: Any, fake_run: Any) -> None:
    machine.path("/run").mkdir()
    fake_run.on("systemctl", "show", out=show("active"))
    spec = replace(SPEC, socket="/run/web.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.path("/run/web.sock")))
        server.listen()
        assert performer(machine, fake_run).ready(spec, RUNNING)
        performer(machine, fake_run).wait(spec, acted=True)


def test_waiting_for_a_port_that_opens_later(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=show("active"))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        spec = replace(SPEC, port=server.getsockname()[1])
        assert not performer(machine, fake_run).ready(spec, RUNNING)
        timer = threading.Timer(0.2, server.listen)
        timer.start()
        Performer(machine.root, fake_run).wait(spec, acted=True)
        timer.join()


def test_an_active_unit_without_an_answer(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=show("active")).on("journalctl", out="busy")
    spec = replace(SPEC, socket="/run/web.sock", timeout=0.0)
    with pytest.raises(ClassroomError, match=r"it active, but without a response at /run/web.sock within 0 s.*\nbusy"):
        performer(machine, fake_run).wait(spec, acted=True)


IMAGE = FileSpec("/etc/web/image.conf", "new\n", on_change="reload")
OURS = FileSpec("/etc/web/policy.conf", "new\n", force=False)


@pytest.mark.parametrize(("config", "image", "expected"), [
    (SAME, SAME, []),
    (SAME, OTHER, ["file /etc/web/image.conf", "reload web.service"]),
    (OTHER, SAME, ["file /etc/web/web.conf", "restart web.service"]),
    (OTHER, OTHER, ["file /etc/web/web.conf", "file /etc/web/image.conf", "restart web.service"]),
    (SAME, LATER, ["reload web.service"]),
    (LATER, LATER, ["restart web.service"]),
])
def test_a_file_may_need_a_reload_only(config: FileState, image: FileState, expected: list[str]) -> None:
    assert titles(replace(SPEC, files=(CONFIG, IMAGE)), RUNNING, config, image) == expected


def test_a_reload_since_is_enough_for_a_file_that_needs_no_more() -> None:
    reloaded = replace(RUNNING, changed=1200.0)
    assert titles(replace(SPEC, files=(IMAGE,)), reloaded, LATER) == []
    assert titles(SPEC, reloaded, LATER) == ["restart web.service"]


@pytest.mark.parametrize(("found", "expected"), [
    (FileState(), ["file /etc/web/policy.conf", "restart web.service"]),
    (OTHER, []), (LATER, []), (replace(OTHER, mode=0o600), []),
])
def test_a_file_of_a_user_stays(found: FileState, expected: list[str]) -> None:
    assert titles(replace(SPEC, files=(OURS,)), RUNNING, found) == expected


@pytest.mark.parametrize(("kept", "expected"), [
    (None, []),
    ({"other": None}, []),
    ({"web": "1.0"}, []),
    ({"web": None}, ["disable web.service", "stop web.service"]),
])
def test_a_unit_of_another_package_is_left_alone(
    machine: Any, fake_run: Any, kept: dict[str, str | None] | None, expected: list[str],
) -> None:
    if kept is not None:
        machine.write("/var/lib/classroom-kubeadm/before.json", json.dumps({"format": 1, "packages": kept}))
    fake_run.on("systemctl", "show", out=show("active") + "UnitFileState=enabled\n")
    spec = ServiceSpec("web.service", enabled=False, state="stopped", brought_by=("web",))
    state = read_state(machine.root, fake_run, spec)
    validate(spec, state)
    assert [step.title for step in plan(spec, state)] == expected


TRIAL = replace(SPEC, trial=Trial(("judge", "--dir", PLACE), "/etc/web"))


def tried(machine: Any, answer: Completed, spec: ServiceSpec = TRIAL, check_mode: bool = False) -> dict[str, str]:
    """What the judge saw."""
    seen: dict[str, str] = {}

    def judge(argv: Sequence[str], **_options: Any) -> Completed:
        place = Path(argv[2])
        seen.update({path.name: path.read_text() for path in place.iterdir()})
        return replace(answer, err=answer.err.replace("HERE", argv[2]))

    try_files(machine.root, judge, spec, plan(spec, read_files(machine.root, spec.files)), check_mode)
    return seen


def test_a_judge_sees_all_files_as_they_are_going_to_be(machine: Any) -> None:
    machine.write("/etc/web/own.conf", "own\n")
    machine.write("/etc/web/web.conf", "old\n")
    assert tried(machine, Completed(0, "", "")) == {"own.conf": "own\n", "web.conf": "new\n"}
    assert machine.read("/etc/web/web.conf") == "old\n"


def test_a_directory_that_is_not_there_yet(machine: Any) -> None:
    assert tried(machine, Completed(0, "", "")) == {"web.conf": "new\n"}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_broken_file_is_found_before_it_is_written(machine: Any, check_mode: bool) -> None:
    machine.write("/etc/web/own.conf", "own\n")
    found = machine.snapshot()
    with pytest.raises(ClassroomError, match=r"bad line in /etc/web/own\.conf\. .* Nothing was written"):
        tried(machine, Completed(1, "", "reading\nbad line in HERE/own.conf\n"), check_mode=check_mode)
    assert machine.snapshot() == found


def test_without_a_new_file_nothing_is_checked(machine: Any) -> None:
    machine.write("/etc/web/web.conf", "new\n")
    assert tried(machine, Completed(1, "", "broken")) == {}


def test_before_an_installation_nothing_can_be_checked(machine: Any) -> None:
    tried(machine, Completed(127, "", "not found"), check_mode=True)
    with pytest.raises(ClassroomError, match=r"web\.service can start with"):
        tried(machine, Completed(127, "", "not found"))


def test_each_owner_writes_its_part_of_a_file() -> None:
    def written(content: str | None, owners: tuple[str, ...], found: str | None) -> str | None:
        file = replace(CONFIG, content=content, owners=owners)
        state = ServiceState(RUNNING, {file.path: FileState(found, 0o644, 900.0)}, now=2000.0)
        spec = with_other_owners(replace(SPEC, files=(file,)), state)
        return spec.files[0].content

    one = written("allow 192.0.2.1;\n", ("monday",), None)
    assert one == "# Owner: monday\nallow 192.0.2.1;\n"
    both = written("allow 192.0.2.2;", ("tuesday",), one)
    assert both == one + "# Owner: tuesday\nallow 192.0.2.2;\n"
    assert written("allow 192.0.2.1;", ("monday",), both) == both
    assert written("allow 192.0.2.3;", ("monday",), both) == both.replace("2.1", "2.3")
    assert written(None, ("monday",), both) == "# Owner: tuesday\nallow 192.0.2.2;\n"
    assert written(None, ("monday",), one) is None
    # Without owners it is as before
    assert written("new\n", (), both) == "new\n"


def test_podman_makes_a_unit_of_a_file() -> None:
    quadlet = FileSpec("/etc/containers/systemd/web.container", "[Container]\n")
    missing = Unit("web.service")
    validate(ServiceSpec("web.service", (quadlet,), state="started"), ServiceState(missing))
    for other in (replace(quadlet, path="/etc/containers/systemd/other.container"), replace(quadlet, content=None)):
        with pytest.raises(ClassroomError, match=r"A unit is missing: expected web\.service"):
            validate(ServiceSpec("web.service", (other,), state="started"), ServiceState(missing))
    state = ServiceState(missing, {quadlet.path: FileState()}, now=2000.0)
    assert [step.action for step in plan(ServiceSpec("web.service", (quadlet,), state="started"), state)] == [
        "file", "daemon-reload", "start"]
