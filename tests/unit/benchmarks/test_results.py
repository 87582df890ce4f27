# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Medians, tables, warnings and the document of benchmarks, without hosts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mirror, playbooks, scale
from benchmarks.__main__ import MEASURES, main, show, unmeasured
from benchmarks.results import SAMPLES, Load, Measure, Pair, Report, Result, Run, complaints

ROOT = Path(__file__).resolve().parents[3]
IDLE = Load(0.1, 0.1)
TASK = {"play": "Join workers", "task": "Join node", "at": 0.0, "seconds": 1.0, "hosts": {"node1": 0.5}}
RENEW = Measure("renew", "class renewal", "script", goal_ratio=0.75, goal_value=30)


def report(*loads: Load) -> Report:
    """Return a report for a machine with two cores that had these loads."""
    following = iter(loads or (IDLE,) * 100)
    return Report(cores=2, sample=lambda: next(following))


def runs(*totals: float) -> Callable[[], Run]:
    following: Iterator[float] = iter(totals)
    return lambda: Run({"reset": 1.0, "join": next(following) - 1.0})


def pairs(*values: tuple[float, float]) -> list[Pair]:
    return [Pair(IDLE, Run({"site.yml": ours}), Run({"script": other})) for ours, other in values]


def full_report(tasks: bool = True) -> Report:
    """Return a report with all measures of a smoke round."""
    found = report()
    found.calls = {"idle": 9.0}
    for name, measure in playbooks.MEASURES.items():
        stages = dict.fromkeys(playbooks.HAND_STAGES.get(name, ("ping",)), 1.0)
        ours = dict.fromkeys((playbooks.START, *sorted(playbooks.plays()), playbooks.READY), 1.0)
        found.add(measure, [Pair(IDLE, Run(ours, [TASK] if tasks else []), Run(stages))])
    for measure in scale.measures(4):
        found.add(measure, [Pair(IDLE, Run({"site.yml": 1.0}))])
    for kind in mirror.PLACES:
        for measure in mirror.measures(kind).values():
            found.add(measure, [Pair(IDLE, Run({mirror.START: 1.0, mirror.MODULE: 0.1}), Run({"skopeo sync": 2.0}))])
    return found


def test_methods_alternate_and_the_ratio_is_the_median_of_pairs() -> None:
    order: list[str] = []

    def named(name: str, run: Callable[[], Run]) -> Callable[[], Run]:
        def call() -> Run:
            order.append(name)
            return run()

        return call

    found = report()
    result = found.alternate(RENEW, 3, named("script", runs(10, 40, 20)), named("playbooks", runs(20, 20, 30)))
    assert order == ["script", "playbooks", "playbooks", "script", "script", "playbooks"]
    assert result.ratios == [2.0, 0.5, 1.5]
    # The ratio of the medians would be 1.0
    assert (result.measured, result.reference, result.ratio) == (20, 20, 1.5)
    assert [pair["first"] for pair in result.as_document()["pairs"]] == ["reference", "measured", "reference"]
    assert found.warnings == []


@pytest.mark.parametrize(("ratio", "value", "values", "reached"), [
    (None, None, (20.0, 10.0), None),
    (2.0, None, (20.0, 10.0), True),
    (1.9, None, (20.0, 10.0), False),
    # What the table shows as 2.00 is not above the goal
    (2.0, None, (20.04, 10.0), True),
    (None, 20, (20.0, 10.0), True),
    (2.0, 19, (20.0, 10.0), False),
    (1.0, 20, (20.0, 10.0), False),
])
def test_all_goals_of_a_measure_count(
    ratio: float | None, value: float | None, values: tuple[float, float], reached: bool | None
) -> None:
    measure = Measure("one", "one", "script", goal_ratio=ratio, goal_value=value)
    assert Result(measure, pairs(values)).reached is reached


@pytest.mark.parametrize(("loads", "expected"), [
    ([IDLE, IDLE], []),
    # The average of later rounds is that of the rounds before
    ([Load(0.5, 0.2), Load(3.0, 0.3)], []),
    ([Load(1.7, 0.2), IDLE], ["round 1: the load average is 1.7 on 2 cores"]),
    # A cluster that was just installed has work for some seconds
    ([IDLE, *[Load(0.0, 1.2)] * (SAMPLES - 1), IDLE], []),
    ([IDLE, *[Load(0.0, 1.2)] * SAMPLES], ["round 2: other programs use 1.2 of 2 cores"]),
])
def test_a_disturbed_round_is_a_warning_and_no_failure(loads: list[Load], expected: list[str]) -> None:
    found = report(*loads)
    found.alternate(RENEW, 2, runs(10, 10), runs(20, 20))
    assert [warning.removeprefix("class renewal, ").partition(" before")[0] for warning in found.warnings] == expected
    assert found.as_document()["warnings"] == found.warnings
    assert found.as_markdown().count("**Warning**") == len(expected)


@pytest.mark.parametrize(("few", "many", "cpu", "seconds"), [
    ((6.0, 8.0), (12.0, 20.0), 0.5, 65.0), ((6.0, 8.0), (5.0, 7.0), 0.01 / 12, 8.0 + 0.01 / 12 * 57),
])
def test_costs_of_a_class_are_those_of_further_hosts(
    few: tuple[float, float], many: tuple[float, float], cpu: float, seconds: float
) -> None:
    found = report()
    scale.add(found, 1, {16: lambda: scale.Cost(*many, 0, 0), 4: lambda: scale.Cost(*few, 0, 0)})

    measured = {each.measure.name: each.pairs[0].measured.total for each in found.results}
    assert measured == pytest.approx({"class-cpu": cpu, "class-elapsed": seconds})


def test_calls_are_counted_per_host() -> None:
    hosts = {"node1": 0.1, "node2": 0.2}
    assert Run({}, [{"hosts": hosts}, {"hosts": {"node1": 1.0}}, {"hosts": {}}]).calls == 1.5
    assert Run({}).calls == 0


def test_the_load_is_that_of_this_host() -> None:
    load = Load.now(0.05)
    assert load.average >= 0 and load.busy >= 0


def test_the_table_has_a_row_for_each_measure() -> None:
    found = report()
    found.add(RENEW, pairs((20.0, 10.0), (36.0, 40.0), (40.0, 40.0)))
    cpu = Measure("class-cpu", "CPU seconds", unit="CPU s", goal_value=0.5)
    found.add(cpu, [Pair(IDLE, Run({"controller": 0.45}))])
    lines = found.as_markdown().splitlines()
    assert lines[:4] == [
        "| measure | script, s | playbooks, s | ratio (range) | goal | reached |",
        "| --- | --- | --- | --- | --- | --- |",
        "| class renewal (3 pairs) | 40.0 (script) | 36.0 | 1.00 (0.90 to 2.00) | 0.75, 30 s | **no** |",
        "| CPU seconds (one round) | - | 0.45 | - | 0.5 CPU s | yes |",
    ]


def test_the_stages_of_both_methods_are_in_one_table() -> None:
    found = report()
    reference, measured = Run({"reset": 2.0, "join": 3.0}), Run({"start": 1.0, "reset": 2.0, "join": 4.0})
    found.add(RENEW, [Pair(IDLE, measured, reference)])
    table = found.as_markdown().split("\n\n")[1]
    assert table.splitlines() == [
        "| script: renew | s | playbooks | s |", "| --- | --- | --- | --- |", "| reset | 2.0 | start | 1.0 |",
        "| join | 3.0 | reset | 2.0 |", "|  |  | join | 4.0 |",
    ]


def test_a_full_smoke_round_is_accepted_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = full_report()
    assert unmeasured(found) == []
    path = tmp_path / "new" / "bench.json"
    assert show(found, path) == []
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [each["name"] for each in document["measures"]][:4] == ["install", "renew", "node", "idle"]
    printed = capsys.readouterr().out
    assert "| Join workers: Join node | 0.0 | 1.0 | node1 0.5 |" in printed
    assert "| to a directory, upstream on this machine: nothing new | 2.00 | 1.10 | 0.10 | 0.05 | 0.55 |" in printed


def test_what_a_smoke_round_did_not_measure_is_named() -> None:
    found = full_report(tasks=False)
    found.results = [result for result in found.results if result.measure.name not in ("node", "class-cpu")]
    run = found.results[0].pairs[0]
    found.results[0].pairs = [Pair(IDLE, Run({playbooks.START: 1.0}, [{"task": "one"}]), Run({"prepare": 1.0}))]
    assert unmeasured(found) == [
        "class-cpu: not measured",
        "node: not measured",
        f"install: expected the stages {', '.join(run.reference.stages if run.reference else ())}, found prepare",
        "install: the stage 'until Ready' of the playbooks is missing",
        "install: no plays of site.yml among the stages start of Ansible",
        "renew: no task was recorded",
    ]


@pytest.mark.parametrize(("change", "expected"), [
    (lambda document: document.update(format=2), "format: expected 1, found 2"),
    (lambda document: document.pop("machine"), "machine is missing"),
    (lambda document: document["measures"][0].update(pairs=[]), "install: it has no pairs"),
    (lambda document: document["measures"][0]["pairs"][0].update(reference=None), "install: reference: expected"),
    (lambda document: document["measures"][0]["pairs"][0]["measured"].update(total=0.0), "install: measured: expected"),
    (
        lambda document: document["measures"][0]["pairs"][0]["measured"]["stages"].update(new=float("nan")),
        "install: measured: expected",
    ),
])
def test_a_wrong_document_is_found(change: Callable[[dict[str, Any]], object], expected: str) -> None:
    document = full_report().as_document()
    assert complaints(document) == []
    change(document)
    assert [problem[: len(expected)] for problem in complaints(document)] == [expected]


def test_the_documentation_describes_all_keys() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([\w-]+)`", page))

    def keys(value: Any) -> Iterator[str]:
        for each in value if isinstance(value, list) else []:
            yield from keys(each)
        for key, each in value.items() if isinstance(value, dict) else []:
            yield key
            if key not in ("stages", "hosts", "bundle"):
                yield from keys(each)

    assert set(keys(full_report().as_document())) - described == set()
    assert set(MEASURES) - described == set()


def test_the_script_prints_the_stages_that_are_expected() -> None:
    script = (ROOT / "benchmarks" / "by_hand.sh").read_text(encoding="utf-8").partition("case $what in")[2]
    for name, stages in playbooks.HAND_STAGES.items():
        branch = script.partition(f"\n{name})")[2].partition(";;")[0]
        assert tuple(re.findall(r"stage (\w+)$", branch, re.MULTILINE)) == stages[:-1]


def test_an_unknown_measure_is_rejected(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "install", "nonsense"])
    with pytest.raises(SystemExit):
        main()
    assert "no measure nonsense; there are install, renew, node, idle, class, mirror" in capsys.readouterr().err


def test_results_before_an_error_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(found: Report, _arguments: Any) -> None:
        found.add(RENEW, [Pair(IDLE, Run({"reset": 36.0}), Run({"reset": 40.0}))])
        raise RuntimeError("the next measure failed")

    monkeypatch.setattr("benchmarks.__main__.measure", fail)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(tmp_path / "found.json")])
    with pytest.raises(RuntimeError, match="the next measure failed"):
        main()

    document = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in document["measures"]] == ["renew"]
