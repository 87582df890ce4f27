# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A class from bare machines on. The tests of this file are one story and run in its order."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509
from tests.support.playbooks import FAILED, Run, playbook
from tests.support.snapshots import all_prints, machine
from tests.support.timings import stage
from tools.paths import BUNDLE

SEATS = {
    "seat01": ("seat01-master", "seat01-node1", "seat01-node2"),
    "seat02": ("seat02-master",),
    "seat03": ("seat03-master",),
    "seat04": ("seat04-master",),
}
GOOD = ("--limit", "!seat05:!seat06")
BROKEN = "seat05-master"
# Its interpreter returns attacks instead of results
HOSTILE = "seat06-master"
# Two have names that everything takes, one has another script's, one none
STUDENTS = {"seat01": "lukasz-zak", "seat02": "anna-muller", "seat03": "student", "seat04": "student"}
KUBECONFIGS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "kubeconfig")
# A copy of a student's kubeconfig, of a cluster that is reset
FORMER = KUBECONFIGS / "former.conf"
LAST_DAY = datetime.now(UTC).date() + timedelta(days=27)
UNTIL = ("-e", f"students_until={LAST_DAY}")
SECRETS = ("PRIVATE KEY", "client-key-data")


def kubectl(kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The bundle's, on the controller."""
    argv = [str(BUNDLE / "bin" / "kubectl"), f"--kubeconfig={kubeconfig}", *words]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)


def get(seat: str, *words: str) -> list[dict[str, Any]]:
    asked = kubectl(KUBECONFIGS / f"{seat}.conf", "get", *words, "-o", "json")
    assert asked.returncode == 0, asked.stderr
    items: list[dict[str, Any]] = json.loads(asked.stdout)["items"]
    return items


def nodes(seat: str) -> dict[str, dict[str, Any]]:
    return {node["metadata"]["name"]: node for node in get(seat, "nodes")}


def of(seat: str) -> Path:
    """The kubeconfig of the seat's student."""
    return KUBECONFIGS / "students" / f"{seat}-{STUDENTS[seat]}.conf"


def may(kubeconfig: Path, *words: str) -> str:
    return kubectl(kubeconfig, "auth", "can-i", *words).stdout.strip()


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def failed_machines(run: Run) -> set[str]:
    return {name for name, counters in run.recap.items() if counters["failed"] or counters["unreachable"]}


def test_one_run_makes_every_seat_but_the_broken_one() -> None:
    with stage("site.yml, six seats"):
        run = playbook("site.yml")
    assert run.status == FAILED, run.output
    assert failed_machines(run) == set(run.failures) == {BROKEN, HOSTILE}, run.output
    found = "Port 6443 is in use: expected it free for the API server, found 'python3' listening on it."
    assert found in run.failures[BROKEN]
    assert run.changed[BROKEN] == 0
    assert [words for words in SECRETS if words in run.output] == []
    assert_no_attack_succeeds(run)


def assert_no_attack_succeeds(run: Run) -> None:
    """The hostile host fails alone, writes nothing on the controller and nothing to the terminal but text."""
    assert run.failures[HOSTILE]
    assert "\x1b" not in run.output and "\u202e" not in run.output
    assert not list(KUBECONFIGS.rglob("seat06*"))
    assert "student" not in [key for path in (Path.home() / ".ssh").glob("authorized_keys")
                             for key in path.read_text(encoding="utf-8").split()]


@pytest.mark.parametrize("seat", SEATS)
def test_each_seat_is_a_cluster_of_its_own(seat: str) -> None:
    found = nodes(seat)
    assert set(found) == set(SEATS[seat])
    for node in found.values():
        assert ("Ready", "True") in [(one["type"], one["status"]) for one in node["status"]["conditions"]]
    # Where there is but one machine, it carries the pods
    taints = found[f"{seat}-master"]["spec"].get("taints", [])
    assert [taint["key"] for taint in taints] == (
        ["node-role.kubernetes.io/control-plane"] if len(found) > 1 else [])
    [deployment] = get(seat, "deployments", "--namespace=kube-system")
    assert deployment["status"]["readyReplicas"] == deployment["spec"]["replicas"]


def test_another_run_has_nothing_to_do() -> None:
    with stage("site.yml with nothing to do, four seats"):
        run = succeeded(playbook("site.yml", *GOOD))
    assert set(run.changed.values()) == {0} and BROKEN not in run.recap


def test_the_class_a_seat_and_a_host_are_proved_by_the_same_limit() -> None:
    with stage("verify.yml, six seats"):
        run = playbook("verify.yml")
    assert run.status == FAILED and failed_machines(run) == {BROKEN, HOSTILE}, run.output
    assert_no_attack_succeeds(run)
    for limit, machines in {"seat02": {"seat02-master"}, "seat01-node1": {"seat01-node1"}}.items():
        with stage(f"verify.yml, {limit}"):
            assert set(succeeded(playbook("verify.yml", "--limit", limit)).recap) == machines


def test_nothing_is_wrong_with_the_good_seats() -> None:
    with stage("audit.yml, four seats"):
        assert "nothing found" in succeeded(playbook("audit.yml", *GOOD, "-e", "audit_strict=true")).output


def report(directory: Path) -> dict[str, dict[str, Any]]:
    """What the report says of each seat."""
    written = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert "<html" in (directory / "report.html").read_text(encoding="utf-8")
    return {seat["name"]: seat for seat in written["seats"]}


def test_a_run_says_who_is_stuck_and_how_to_go_on(tmp_path: Path) -> None:
    run = playbook(
        "site.yml", "--limit", "seat04,seat05",
        ANSIBLE_STDOUT_CALLBACK="classroom.kubeadm.seats", CLASSROOM_REPORT=str(tmp_path),
    )
    assert run.status == FAILED, run.output
    again = run.output.split("Again for what failed:")[1].split("\n")[1]
    assert again.strip().endswith("--limit seat05") and "playbooks/site.yml" in again
    found = report(tmp_path)
    assert (found["seat04"]["state"], found["seat05"]["state"]) == ("ready", "stuck")
    assert "Port 6443 is in use" in found["seat05"]["why"]


def test_the_report_tells_how_the_class_is(tmp_path: Path) -> None:
    with stage("report.yml, six seats"):
        succeeded(playbook("report.yml", "-e", f"report_directory={tmp_path}"))
    found = report(tmp_path)
    assert {found[seat]["state"] for seat in SEATS} == {"ready"}
    assert "ready" not in (found["seat05"]["state"], found["seat06"]["state"])
    assert {found[seat]["kubernetes"] for seat in SEATS} == {found["seat01"]["kubernetes"]} != {""}
    assert found["seat01"]["student"] == "Łukasz Żak" and len(found["seat01"]["machines"]) == 3


def test_each_student_gets_a_kubeconfig() -> None:
    with stage("students.yml, six seats"):
        run = playbook("students.yml", *UNTIL)
    assert run.status == FAILED and failed_machines(run) == {BROKEN, HOSTILE}, run.output
    assert_no_attack_succeeds(run)
    assert "found no such file on this host" in " ".join(run.output.split())
    assert [words for words in SECRETS if words in run.output] == []
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (KUBECONFIGS / "students").iterdir()}
    assert found == {of(seat): 0o600 for seat in SEATS}
    run = succeeded(playbook("students.yml", *UNTIL, *GOOD))
    assert set(run.changed.values()) == {0}, run.output


@pytest.mark.parametrize("seat", SEATS)
def test_it_works_from_the_controller_in_ones_own_namespace(seat: str) -> None:
    asked = kubectl(of(seat), "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert asked.stdout == STUDENTS[seat], asked.stderr
    assert may(of(seat), "create", "deployments") == "yes"
    assert may(of(seat), "create", "deployments", "--namespace=default") == "no"
    user = yaml.safe_load(of(seat).read_text(encoding="utf-8"))["users"][0]["user"]
    ends = x509.read(base64.b64decode(user["client-certificate-data"]).decode()).not_after
    # The end of the last day, whatever the signer adds or takes for clocks that differ
    assert abs(ends - datetime.combine(LAST_DAY + timedelta(days=1), datetime.min.time(), UTC).timestamp()) < 600


def test_it_does_not_work_at_another_seat() -> None:
    server = yaml.safe_load(of("seat02").read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"]
    asked = kubectl(of("seat01"), f"--server={server}", "get", "pods")
    assert asked.returncode != 0 and "certificate signed by unknown authority" in asked.stderr
    # Nor when the student does not mind who answers
    config = yaml.safe_load(of("seat01").read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"] = {"server": server, "insecure-skip-tls-verify": True}
    careless = KUBECONFIGS / "careless.conf"
    careless.write_text(json.dumps(config), encoding="utf-8")
    asked = kubectl(careless, "get", "pods")
    assert asked.returncode != 0 and "must be logged in" in asked.stderr, asked.stderr


def test_a_student_may_have_the_whole_seat() -> None:
    succeeded(playbook("students.yml", *UNTIL, "--limit", "seat03", "-e", "students_access=cluster"))
    assert may(of("seat03"), "*", "*", "--all-namespaces") == "yes"
    succeeded(playbook("students.yml", *UNTIL, "--limit", "seat03"))
    assert may(of("seat03"), "*", "*", "--all-namespaces") == "no"
    assert may(of("seat03"), "create", "deployments") == "yes"


def test_a_student_who_leaves_has_nothing_left() -> None:
    copy = KUBECONFIGS / "copy.conf"
    copy.write_bytes(of("seat04").read_bytes())
    leaving = ("--limit", "seat04", "-e", "students_state=absent")
    assert succeeded(playbook("students.yml", *leaving)).changed == {"seat04-master": 2}
    assert not of("seat04").exists() and may(copy, "get", "pods") == "no"
    assert succeeded(playbook("students.yml", *leaving)).changed == {"seat04-master": 0}


def test_one_seat_is_put_back_and_no_other() -> None:
    others = tuple(name for seat, names in SEATS.items() if seat != "seat02" for name in names)
    before = all_prints((*others, "utility.example.com"))
    FORMER.write_bytes(of("seat02").read_bytes())
    with stage("reset.yml, one seat"):
        run = succeeded(playbook("reset.yml", "--limit", "seat02", "-e", "reset_confirm=true"))
    assert set(run.changed) == {"seat02-master"}
    # The student's file goes with the cluster that it opens
    assert not of("seat02").exists()
    assert all_prints((*others, "utility.example.com")) == before
    for seat in set(SEATS) - {"seat02"}:
        assert set(nodes(seat)) == set(SEATS[seat])
    with stage("audit.yml, one seat"):
        assert "nothing found" in succeeded(
            playbook("audit.yml", "--limit", "seat02", "-e", "audit_strict=true")).output


def test_a_hostile_seat_is_not_renewed_and_costs_no_other_seat_anything() -> None:
    [former] = nodes("seat03").values()
    with stage("renew.yml, one seat beside a hostile one"):
        run = playbook("renew.yml", "--limit", "seat03,seat06", "-e", "reset_confirm=true")
    assert run.status == FAILED and failed_machines(run) == {HOSTILE}, run.output
    assert_no_attack_succeeds(run)
    assert (KUBECONFIGS / "seat01.conf").exists()
    # The other seat is a new cluster, without its student
    [renewed] = nodes("seat03").values()
    assert renewed["metadata"]["uid"] != former["metadata"]["uid"]
    said = " ".join(run.output.split())
    assert "Hosts that were not reset are not installed in this run." in said
    assert "removed with their clusters: 1." in said and not of("seat03").exists()
    assert set(succeeded(playbook("site.yml", "--limit", "seat03")).changed.values()) == {0}


def test_what_failed_comes_with_what_was_put_back() -> None:
    machine(BROKEN).check_output("systemctl stop api-port")
    with stage("site.yml, two seats"):
        run = succeeded(playbook("site.yml", "--limit", "seat02,seat05"))
    assert set(run.changed) == {"seat02-master", BROKEN}
    assert set(nodes("seat02")) == {"seat02-master"} and set(nodes("seat05")) == {BROKEN}
    succeeded(playbook("students.yml", *UNTIL, "--limit", "seat02"))
    assert may(of("seat02"), "create", "deployments") == "yes"
    assert "certificate signed by unknown authority" in kubectl(FORMER, "get", "pods").stderr
