# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook with a class of three seats, in and out of a terminal; no task needs a machine."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
CLASS = {
    "plugin": "classroom.kubeadm.seats", "class": "basics", "seats": "1-3", "machines": ["master", "node1"],
    "addresses": {"first": "10.20.0.10"}, "students": ["Łukasz Żak", "王小明", "Anna <b>Müller</b>"],
    "utility": {"name": "utility.example.com", "address": "10.20.0.2"},
    "variables": {"ansible_connection": "local"},
}
SITE = [
    {"name": "Machines", "hosts": "k8s_cluster:utility", "gather_facts": False, "tasks": [
        {"name": "A word for all", "ansible.builtin.debug": {"msg": "hello [bold]class[/bold]"}, "run_once": True},
        {"name": "The machine is fit", "ansible.builtin.assert": {
            "that": "inventory_hostname != broken | default('')", "quiet": True,
            "fail_msg": "Wanted 2 CPUs,\nfound 1."}},
        {"name": "A secret is used", "ansible.builtin.fail": {"msg": "hunter2"}, "no_log": True,
         "when": "inventory_hostname == broken | default('') | regex_replace('node1', 'master')"},
        {"name": "Rescued", "when": "inventory_hostname == 'seat01-master'", "block": [
            {"name": "It fails", "ansible.builtin.fail": {"msg": "rescued"}}], "rescue": [
            {"name": "It is rescued", "ansible.builtin.set_fact": {"a": 1}}]},
        # What is tested: that an ignored failure is not shown as one
        {"name": "Ignored", "ansible.builtin.fail": {"msg": "ignored"}, "ignore_errors": True,
         "when": "inventory_hostname == 'seat01-node1'"},
    ]},
    {"name": "Nobody", "hosts": "nobody", "gather_facts": False, "tasks": []},
    {"name": "Proof", "hosts": "control_plane", "gather_facts": False, "tasks": [
        {"name": "The cluster works", "register": "verify_result",
         "ansible.builtin.assert": {"that": True, "quiet": True}}]},
]
BROKEN = ("-e", "broken=seat02-node1", "-e", "api_token=abc")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    (tmp_path / "class.yml").write_text(yaml.safe_dump(CLASS, allow_unicode=True), encoding="utf-8")
    (tmp_path / "site.yml").write_text(yaml.safe_dump(SITE, sort_keys=False), encoding="utf-8")
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    others = ("ANSIBLE_", "CLASSROOM_", "NO_COLOR", "COLUMNS")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(others)}
    return {
        **kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_STDOUT_CALLBACK": "classroom.kubeadm.seats", "TERM": "xterm-256color", **more}


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "class.yml", "site.yml", *arguments]


def piped(place: Path, *arguments: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        command(*arguments), cwd=place, env=environment(**more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    return done.returncode, done.stdout


def typed(place: Path, columns: int, *arguments: str, **more: str) -> tuple[int, str]:
    """What a terminal of so many columns is sent."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    with subprocess.Popen(command(*arguments), cwd=place, env=environment(**more), stdin=theirs, stdout=theirs,
                          stderr=theirs) as process:
        os.close(theirs)
        text = b"".join(_chunks(mine)).decode("utf-8")
        os.close(mine)
        return process.wait(timeout=120), text.replace("\r\n", "\n")


def _chunks(handle: int) -> Iterator[bytes]:
    """Until the other side is closed, which Linux reports as an error."""
    with suppress(OSError):
        while chunk := os.read(handle, 65536):
            yield chunk


def test_plain_lines_where_there_is_no_terminal(place: Path) -> None:
    status, text = piped(place, *BROKEN, CLASSROOM_REPORT=str(place / "report"))
    assert status == 2
    assert "\x1b" not in text and "hunter2" not in text
    assert "[1/3] Machines begins\n" in text and "[2/3] Nobody has no machine\n" in text
    assert "msg: hello [bold]class[/bold]" in text
    # When it happens, and in full at the end
    failed = "seat02 (王小明): seat02-node1 failed at Machines, The machine is fit: Wanted 2 CPUs,\n"
    assert text.index(failed) < text.index("[3/3] Proof begins")
    assert ("\n1 seat with errors:\nseat02 (王小明)\n"
            "  seat02-node1, Machines: The machine is fit\n    Wanted 2 CPUs,\n    found 1.\n"
            "  seat02-master, Machines: A secret is used\n"
            "    What it said is hidden, since the task handles a secret (no_log).\n\n") in text
    assert "rescued\n" not in text and "ignored\n" not in text
    assert re.search(r"^seat01 +Łukasz Żak +Proof +3/3 +\d+:\d\d +ready$", text, re.MULTILINE)
    assert re.search(r"^seat02 +王小明 +Machines +1/3 +\d+:\d\d +stuck$", text, re.MULTILINE)
    assert re.search(r"^utility.example.com +Machines +3/3 +\d+:\d\d +done$", text, re.MULTILINE)
    assert "3 seats: 2 ready, 1 stuck;" in text
    # Others that read a run find what they look for, and the other callback goes on beside it
    assert re.search(r"^seat02-node1 +: ok=0 .*failed=1 ", text, re.MULTILINE)
    assert "STAGES ***" in text
    assert ("Again for what failed:\n  ansible-playbook -i class.yml site.yml -e 'broken=***' -e "
            "'api_token=***' --limit seat02\n  (*** stands for values that are not repeated here)\n") in text
    report = json.loads((place / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["title"] == "basics" and report["counts"] == {"stuck": 1, "unknown": 2}
    assert "hunter2" not in (place / "report" / "report.json").read_text(encoding="utf-8")
    stuck = next(seat for seat in report["seats"] if seat["state"] == "stuck")
    # The reason is that of the worker, which failed before the control plane, and the command is that of the run
    assert stuck["why"].startswith("seat02-node1 (10.20.0.")
    assert (stuck["retry"], stuck["limit"]) == (
        "ansible-playbook -i class.yml site.yml -e 'broken=***' -e 'api_token=***'", ["seat02"])
    assert "Anna &lt;b&gt;Müller&lt;/b&gt;" in (place / "report" / "report.html").read_text(encoding="utf-8")


def test_a_worker_without_its_control_plane_waits(place: Path) -> None:
    """The task of the role worker, which the callback knows by the name under which its result is registered."""
    role = yaml.safe_load((ROOT / "roles" / "worker" / "tasks" / "main.yml").read_text(encoding="utf-8"))
    task = next(each for each in role if "ansible.builtin.fail" in each)
    broken = {"name": "Run kubeadm init", "ansible.builtin.fail": {"msg": "No disk."},
              "when": "inventory_hostname == cluster_control_plane"}
    failed = "{{ [cluster_control_plane] if inventory_hostname == 'seat01-node1' else [] }}"
    plays = [{"name": "Join workers", "hosts": "seat01", "gather_facts": False, "vars": {"_cluster_failed": failed},
              "tasks": [task, broken]}]
    (place / "site.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    status, text = piped(place)
    assert status == 2
    assert "\nseat01 (Łukasz Żak): seat01-node1 waits at Join workers, " + task["name"] in text
    assert "\nseat01 (Łukasz Żak): seat01-master failed at Join workers, Run kubeadm init: No disk.\n" in text


def test_nothing_failed_and_there_is_nothing_to_do_again(place: Path) -> None:
    status, text = piped(place, "--check")
    assert status == 0
    assert "Again for what failed" not in text and "with errors" not in text
    assert "[1/3] Machines (check mode) begins" in text and "Check mode: nothing was changed" in text
    assert not list(place.glob("report*"))


@pytest.mark.parametrize("argument", ["-v", "--diff"])
def test_details_are_those_that_everybody_knows(place: Path, argument: str) -> None:
    status, text = piped(place, argument)
    assert status == 0
    for words in ("PLAY [Machines]", "TASK [The machine is fit]", "ok: [seat03-master]", "...ignoring", "PLAY RECAP",
                  "3 seats: 3 ready"):
        assert words in text
    assert "begins" not in text


def test_a_live_table_in_sixty_columns(place: Path) -> None:
    status, text = typed(place, 60, *BROKEN, CLASSROOM_FRAMES="8")
    assert status == 2
    # Drawn over itself while it goes on, the cursor is back at the end
    assert "\x1b[1A" in text and text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "\x1b[1;31mstuck" in text and "\x1b[1;32mready" in text
    assert "hello [bold]class[/bold]" in text and "hunter2" not in text
    final = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text[text.rindex("\x1b[?25h"):])
    table = final[final.index("seat "):final.index("3 seats:")].strip().split("\n")
    assert [line.split()[-1] for line in table[2:]] == ["ready", "stuck", "ready", "done"]
    assert "PLAY RECAP" not in text and "--limit seat02" in final
    assert "\nSTAGES " + "*" * 53 + "\n" in final


@pytest.mark.parametrize("variable", ["NO_COLOR", "ANSIBLE_NOCOLOR"])
def test_without_colours_the_words_are_enough(place: Path, variable: str) -> None:
    status, text = typed(place, 120, *BROKEN, **{variable: "1"})
    assert status == 2
    colours = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", text) for code in codes.split(";")}
    # Bold and faint are no colours
    assert colours <= {"", "0", "1", "2"}
    assert "stuck" in text and "ready" in text and "node1: Wanted 2 CPUs," in text


def test_a_terminal_that_can_do_nothing_has_plain_lines(place: Path) -> None:
    status, text = typed(place, 80, TERM="dumb")
    assert status == 0
    assert "\x1b[1A" not in text and "[1/3] Machines begins" in text


def test_without_rich_there_are_a_sentence_and_plain_lines(place: Path) -> None:
    (place / "lib" / "rich").mkdir(parents=True)
    (place / "lib" / "rich" / "__init__.py").write_text("raise ImportError('No module named rich')", encoding="utf-8")
    status, text = typed(place, 200, PYTHONPATH=str(place / "lib"))
    assert status == 0
    assert "expected the Python library rich, found none (No module named rich)" in text
    assert "[1/3] Machines begins" in text and "3 seats: 3 ready" in text


def test_an_ordinary_inventory_has_a_row_a_cluster(place: Path) -> None:
    hosts = {"ansible_connection": "local", "cluster_name": "lab"}
    (place / "class.yml").write_text(yaml.safe_dump({"all": {"vars": hosts, "children": {
        "k8s_cluster": {"children": {"control_plane": {"hosts": {"master": {}}}, "workers": {"hosts": {"node1": {}}}}},
        "utility": {"hosts": {"utility.example.com": {}}}}}}), encoding="utf-8")
    status, text = piped(place)
    assert status == 0
    assert re.search(r"^lab +Proof +3/3 +\d+:\d\d +ready$", text, re.MULTILINE)
    assert "student" not in text and "1 seat: 1 ready" in text


# What a host answers instead of a module's result; as root it can
STEERING = "a\x1b[2J\x1b]0;owned\x07b\x9b31mc\u202ed\x08"
ANSWERS: dict[str, object] = {
    "a text": "x", "a list": ["x"], "nothing": None, "texts": {"msg": STEERING, "warnings": [STEERING]},
    "failed texts": {"failed": True, "msg": STEERING, "stdout": STEERING, "stderr": STEERING, "warnings": [STEERING],
                     "deprecations": [{"msg": STEERING, "version": "9.9"}], "exception": STEERING},
    "odd message": {"failed": True, "msg": [{"a": [STEERING, {"b": None}]}], "rc": [], "cmd": {"x": 1}},
    "odd audit": {"residue": ["x"], "hygiene": 5, "identity": ["x"], "versions": ["x"], "nodes": "x",
                  "changes": {"a": 1}, "level": [1], "cluster": ["x"], "decision": ["none"]},
    "odd diff": {"changed": True, "diff": [STEERING, 5, {"before": STEERING, "after": [1]}, {"prepared": STEERING}]},
    "a diff": {"changed": True, "diff": {"before": STEERING, "after": "good\n", "before_header": STEERING}},
    "odd facts": {"ansible_facts": {"classroom_machine": ["x"], "_audit_failure": "x"}},
    "odd results": {"failed": True, "results": [5, {"failed": True, "msg": STEERING, "item": [STEERING]}, None]},
    "odd warnings": {"warnings": STEERING, "deprecations": 5},
    "half a character": {"failed": True, "msg": "\ud800"},
    "huge": {"failed": True, "msg": "x" * 300_000},
    "many": {"failed": True, "msg": [[1]] * 20_000},
}
# Ansible's own recursion ends such an answer, in whatever way: no other host is affected
DEEP = '{"failed": true, "msg": ' + "[" * 20_000 + "]" * 20_000 + "}"
HOSTILE = [
    {"name": name, "hosts": "k8s_cluster", "gather_facts": False, "tasks": [
        # A template that is true for an honest host only: no failure of the others may count as ignored
        {"name": "The host answers", "ansible.builtin.ping": {}, "register": register,
         "ignore_errors": "{{ inventory_hostname == 'seat01-master' }}"}]}
    for name, register in (("Audit", "audit_result"), ("Membership", "worker_membership"), ("Proof", "verify_result"))]


@pytest.fixture(name="hostile")
def _hostile(place: Path) -> Path:
    """A class in which each host that is not honest has an interpreter of its own."""
    places = []
    answers = {**{name: json.dumps(answer) for name, answer in ANSWERS.items()}, "deep": DEEP}
    for number, (name, text) in enumerate(answers.items()):
        script = place / f"answer{number}"
        script.with_suffix(".json").write_text(text, encoding="utf-8")
        script.write_text("#!/bin/sh\nexec cat '{}'\n".format(script.with_suffix(".json")), encoding="utf-8")
        script.chmod(0o755)
        places.append({"number": number + 2, "student": name, "variables": {"ansible_python_interpreter": str(script)}})
    described = {**CLASS, "seats": [1, *places], "machines": ["master"], "students": ["Honest"]}
    described["variables"] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (place / "class.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    (place / "site.yml").write_text(yaml.safe_dump(HOSTILE, sort_keys=False), encoding="utf-8")
    return place


@pytest.mark.parametrize("arguments", [("--forks=20",), ("--diff", "-vvvv")], ids=["quiet", "all details"])
def test_what_one_host_answers_takes_nothing_from_the_others(hostile: Path, arguments: tuple[str, ...]) -> None:
    status, text = piped(
        hostile, *arguments, CLASSROOM_REPORT=str(hostile / "report"), ANSIBLE_DISPLAY_TRACEBACK="always")
    assert status == 2, text
    assert "Callback dispatch" not in text
    steering = set(re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text))
    assert steering == set()
    assert re.search(r"^seat01 +Honest +Proof +3/3 +\d+:\d\d +ready$", text, re.MULTILINE), text[-5000:]
    assert re.search(r"^seat06 +failed texts +.*stuck$", text, re.MULTILINE)
    assert "\nAgain for what failed:\n  ansible-playbook" in text and ",seat06," in text
    report = json.loads((hostile / "report" / "report.json").read_text(encoding="utf-8"))
    assert {seat["name"] for seat in report["seats"]} >= {f"seat{number:02}" for number in range(1, 17)}
    assert "\nThe report is in " in text


def test_a_live_table_shows_no_control_characters_of_hosts(hostile: Path) -> None:
    status, text = typed(hostile, 120)
    assert status == 2
    for sequence in ("\x1b[2J", "\x1b]0;", "\x9b", "\u202e", "\x08"):
        assert sequence not in text
    final = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text[text.rindex("\x1b[?25h"):])
    assert re.search(r"^seat01 +Honest +Proof .* ready", final, re.MULTILINE)


def test_what_was_not_contacted_is_unknown(place: Path) -> None:
    plays = [{"name": "Preflight", "hosts": "k8s_cluster:utility", "gather_facts": False, "tasks": [
        {"name": "Looked at by the controller", "ansible.builtin.debug": {"msg": "x"}},
        {"name": "Skipped", "ansible.builtin.ping": {}, "when": "inventory_hostname == 'seat02-node1'"},
        # Nothing is carried out on a host for these
        {"name": "Included", "ansible.builtin.include_tasks": "included.yml"},
        {"name": "Included role", "ansible.builtin.include_role": {"name": "empty"}},
        {"name": "Paused", "ansible.builtin.pause": {"seconds": 0}},
        {"name": "At another host", "ansible.builtin.ping": {}, "delegate_to": "seat01-master",
         "when": "inventory_hostname == 'utility.example.com'"}]}]
    (place / "site.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    (place / "included.yml").write_text("- ansible.builtin.debug: {msg: x}\n", encoding="utf-8")
    (place / "roles/empty/tasks").mkdir(parents=True)
    (place / "roles/empty/tasks/main.yml").write_text("---\n", encoding="utf-8")
    status, text = piped(place, CLASSROOM_REPORT=str(place / "report"), ANSIBLE_PYTHON_INTERPRETER=sys.executable)
    assert status == 0, text
    report = json.loads((place / "report" / "report.json").read_text(encoding="utf-8"))
    states = {machine["name"]: machine["state"] for seat in report["seats"] for machine in seat["machines"]}
    assert states.pop("seat02-node1") == "answers"
    assert set(states.values()) == {"unknown"} and "utility.example.com" in states
    assert {seat["state"] for seat in report["seats"]} == {"unknown"}


def test_versions_of_a_host_without_changes_are_reported(place: Path) -> None:
    """Its roles do not run: their results are sections of one result, which is taken from the plan."""
    script = place / "answer"
    sections = {"kubernetes": {"result": {"versions": {"kubelet": "1.36.3-1.1"}}}, "odd": 5, "host": {"result": []}}
    script.with_suffix(".json").write_text(json.dumps({"sections": sections, "complete": True}), encoding="utf-8")
    script.write_text("#!/bin/sh\nexec cat '{}'\n".format(script.with_suffix(".json")), encoding="utf-8")
    script.chmod(0o755)
    plays = [{"name": "Prepare", "hosts": "k8s_cluster", "gather_facts": False, "tasks": [
        {"name": "Configure", "ansible.builtin.ping": {}, "register": "configure_result"}]}]
    (place / "site.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    status, text = piped(place, CLASSROOM_REPORT=str(place / "report"), ANSIBLE_PYTHON_INTERPRETER=str(script))
    assert status == 0, text
    assert '"1.36.3' in (place / "report" / "report.json").read_text(encoding="utf-8")
