# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each playbook on a class in which most seats lie: nothing of the controller and no other seat is touched.

One run for each playbook, one seat for each attack, beside honest seats that answer with the samples of RETURN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.hostile_hosts.attacks import general, transfers, wrong_types
from tests.integration.hostile_hosts.runs import CANARY, UTILITY, Controller, Outcome
from tests.integration.hostile_hosts.samples import ROOT, fields, own_modules, read_by_roles
from tests.support.timings import stage

PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))
NO_HOSTS = {
    "bundle.yml": "runs on localhost only, no host answers",
    "init.yml": "runs on localhost only, no host answers",
}
# The modules whose keys have a wrong type in the run of a playbook: each of them in one run, the cheapest that has it
TARGETS: Mapping[str, tuple[str, ...]] = {
    "audit.yml": ("residue_info",),
    "enroll.yml": ("host_identity_info",),
    "harvest.yml": ("harvest_files", "harvest_objects", "tempfile", "file"),
    "renew.yml": (),
    "report.yml": (),
    "reset.yml": ("kubeadm_reset", "node_delete", "host_interfaces"),
    "site.yml": ("host_configure", "host_settings", "host_firewalld", "image_preload", "kubeadm_init", "kubeadm_join",
                 "kubeadm_token", "cluster_dns", "cluster_manifest", "node_metadata", "uri"),
    "students.yml": ("kubeconfig_user", "find"),
    "utility.yml": ("host_preflight", "bundle_receive", "bundle_load", "server_certificate"),
    "verify.yml": ("cluster_verify",),
    "student_tools.yml": ("package_service", "command"),
}
# Modules of other collections, which run by the action `guarded`, that no run of this test reaches on an honest host
NOT_REACHED = {"copy", "lineinfile", "raw", "stat"}
# Plugins that run on the controller, where no host answers
ON_CONTROLLER = {
    "address_check", "bundle_archive", "bundle_copy", "bundle_seal", "class_directory", "class_report",
    "inventory_check", "fetch_file", "ssh_first_contact", "image_mirror", "package_download", "package_extract",
    "role_variables_check",
}
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    # A worker leaves a cluster that goes on
    "reset.yml": ("-e", "reset_confirm=true", "--limit", "all:!seat01-master"),
    "renew.yml": ("-e", "reset_confirm=true"),
}
# What a run may write, create or remove, as a pattern of paths below the tree
SEAT = r"(?P<seat>seat\d\d)"
INTENDED: Mapping[str, str] = {
    "harvest.yml":
        rf"work/harvest(/[-\dTZ]+(/{SEAT}-\w+(/(objects|objects/[a-z]+\.yml|files\.tar\.gz|contents\.yml))?)?)?",
    "renew.yml": rf"work/kubeconfig/({SEAT}\.conf|utility\.example\.com-ca\.crt)",
    "reset.yml": rf"work/kubeconfig/{SEAT}\.conf",
    "site.yml": rf"work/kubeconfig/({SEAT}\.conf|utility\.example\.com-ca\.crt)",
    "students.yml": rf"work/kubeconfig/students(/{SEAT}-student\.conf)?",
    "utility.yml": r"work/kubeconfig/utility(\d\d)?\.example\.com-ca\.crt",
    "student_tools.yml": r"work/kubeconfig/utility\.example\.com-ca\.crt",
}
ALWAYS = r"home/\.ansible|work/ansible\.cfg|work/report(/report\.(html|json))?"
TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "list": (list,), "dict": (dict,)}


def test_each_playbook_is_run() -> None:
    assert set(PLAYBOOKS) == set(TARGETS) | set(NO_HOSTS)


def test_each_module_is_attacked_or_runs_on_the_controller() -> None:
    attacked = [module for modules in TARGETS.values() for module in modules]
    assert sorted(attacked) == sorted(set(attacked))
    known = set(attacked) | ON_CONTROLLER | NOT_REACHED
    assert known == (set(own_modules()) - {"guarded"}) | set(read_by_roles())


def attacked(playbook: str, tree: Path) -> Outcome:
    """One run of a playbook with all attacks that it can have."""
    controller = Controller(tree)
    places = controller.places()
    attacks = [attack for attack in (*general(places), *transfers(places), *wrong_types(TARGETS[playbook]))
               if not attack.playbooks or playbook in attack.playbooks]
    with stage(f"{playbook}, {len(attacks)} attacks"):
        return controller.run(playbook, attacks, *ARGUMENTS.get(playbook, ()))


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Outcome]]]:
    """The runs of all chosen playbooks, two at a time: one works while the other waits for a timeout."""
    chosen = dict.fromkeys(
        str(item.callspec.params["run"]) for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "run" in item.callspec.params)
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(attacked, name, tmp_path_factory.mktemp(name.removesuffix(".yml"))) for name in chosen}


@pytest.fixture(scope="module", params=sorted(TARGETS))
def run(request: pytest.FixtureRequest, runs: Mapping[str, Future[Outcome]]) -> tuple[str, Outcome]:
    """The finished run of a playbook."""
    return str(request.param), runs[str(request.param)].result()


def test_honest_hosts_finish(run: tuple[str, Outcome]) -> None:
    playbook, outcome = run
    honest = {name: outcome.stats.get(name, {}) for name in outcome.honest if name in outcome.stats}
    assert honest, outcome.output
    failed = [name for name, counters in honest.items()
              if not counters["ok"] or counters["failures"] or counters["unreachable"]]
    assert not failed, outcome.output
    asked = {event["module"] for event in outcome.received if event["host"] in outcome.honest and "module" in event}
    assert set(TARGETS[playbook]) <= asked


def test_only_intended_paths_change(run: tuple[str, Outcome]) -> None:
    playbook, outcome = run
    intended = re.compile(f"{ALWAYS}|{INTENDED.get(playbook, 'none')}")
    assert sorted(path for path in outcome.changed if not intended.fullmatch(path)) == []


def test_no_private_file_reaches_a_host(run: tuple[str, Outcome]) -> None:
    _playbook, outcome = run
    assert [event for event in outcome.received if CANARY in json.dumps(event)] == []
    assert CANARY not in outcome.output


def test_no_other_seat_is_affected(run: tuple[str, Outcome]) -> None:
    """The parameters of a host's modules name hosts of its own seat only; the utility serves all."""
    _playbook, outcome = run
    foreign = []
    for event in outcome.received:
        seat = event["host"].split("-")[0]
        named = set(re.findall(r"\bseat\d\d(?=-(?:master|node1)\b)", json.dumps(event.get("parameters"))))
        if seat.startswith("seat") and named - {seat}:
            foreign.append((event["host"], event["module"], sorted(named - {seat})))
    assert foreign == []


def test_registered_results_have_the_declared_types(run: tuple[str, Outcome]) -> None:
    _playbook, outcome = run
    wrong = []
    for line in outcome.results:
        module = line["module"]
        if not line["action"].startswith("classroom.kubeadm.") or module in ON_CONTROLLER or line["state"] != "ok":
            continue
        declared = dict(fields(module))
        wrong += [(line["host"], module, path) for path, value in flat(line["result"])
                  if path in declared and value is not None and not fits(value, declared[path])]
        facts = set(line["result"].get("ansible_facts", {})) - {"discovered_interpreter_python"}
        foreign = {name for name in facts if f"ansible_facts.{name}" not in declared}
        wrong += [(line["host"], module, name) for name in sorted(foreign)]
    assert wrong == []


def flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a result, those of lists left out."""
    for key, each in value.items():
        yield prefix + key, each
        if isinstance(each, dict):
            yield from flat(each, f"{prefix}{key}.")


def fits(value: Any, kind: str) -> bool:
    return kind == "raw" or (isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool)))


def test_report_and_retry_command_appear(run: tuple[str, Outcome]) -> None:
    playbook, outcome = run
    assert "SEATS" in outcome.output
    failed = [name for name, counters in outcome.stats.items() if counters["failures"] or counters["unreachable"]]
    assert failed and set(failed) <= set(outcome.attacks)
    again = outcome.output.split("Again for what failed:")[1].split("\n")[1]
    assert f"playbooks/{playbook}" in again
    if playbook == "utility.yml":
        return
    written = json.loads((outcome.work / "report" / "report.json").read_text(encoding="utf-8"))
    seats = {seat["name"]: seat["state"] for seat in written["seats"]}
    assert {"seat01", "seat02"} <= set(seats) and "stuck" not in (seats["seat01"], seats["seat02"])


def test_output_is_text(run: tuple[str, Outcome]) -> None:
    _playbook, outcome = run
    found = re.findall(r"[^\n]{0,60}[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", outcome.output)
    assert found == []


def test_no_private_key_is_shown(run: tuple[str, Outcome]) -> None:
    _playbook, outcome = run
    assert "PRIVATE KEY" not in outcome.output and "client-key-data" not in outcome.output


def test_kubeconfigs_hold_data_only(run: tuple[str, Outcome]) -> None:
    """Whatever a host calls its kubeconfig, kubectl runs no program and reads no file because of the copy."""
    _playbook, outcome = run
    for path in sorted((outcome.work / "kubeconfig").rglob("*.conf")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if text == "of a former cluster\n":
            continue
        config = yaml.safe_load(text)
        assert [len(config[key]) for key in ("clusters", "contexts", "users")] == [1, 1, 1], path
        assert set(config["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}, path
        number = int(re.findall(r"seat(\d\d)", path.name)[0])
        assert config["clusters"][0]["cluster"]["server"] == f"https://10.20.{number}.10:6443", path


def test_nothing_was_run_on_the_controller(run: tuple[str, Outcome]) -> None:
    _playbook, outcome = run
    assert not Path(outcome.tree / "created").exists()
    assert UTILITY not in outcome.attacks
