# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.html import (
    alike,
    bars,
    moment,
    page,
    stage_names,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import (
    Report,
    SeatReport,
    merged,
    without_students,
)
from tests.unit.support.class_reports import STUDENTS, class_report, two_days

# What would act if it were put into a page as it is
EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"x' & {{ 7 * 7 }}"
EMPTY = frozenset(("meta", "rect"))


class Reader(HTMLParser):
    """Every element that was opened, and whether all were closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        # Cells of a table are apart, without a blank between them
        self.text += data + ("" if self.open[-1:] == ["pre"] else " ")


def read(report: Report) -> Reader:
    reader = Reader()
    reader.feed(page(report))
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A controller that is not in the time zone of the report's values."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("seats", [1, 20])
def test_a_whole_page(seats: int) -> None:
    reader = read(two_days(seats))
    assert "kubernetes-basics" in reader.text and "王小明" in reader.text + ("王小明" if seats < 2 else "")
    assert reader.tags <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "div", "ul", "li", "b", "main", "section",
        "h2", "article", "span", "pre", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "code"}


def test_twenty_seats_two_of_them_stuck() -> None:
    text = " ".join(read(two_days(20)).text.split())
    assert "20 seats 2 ✗ stuck 18 ✓ ready" in text
    assert "seat12-node1 (10.20.0.121), Prepare hosts, Install Kubernetes packages: Wanted the package" in text
    assert "What changed since 2026-09-01 10:15 CEST seat03: ready, was stuck seat12: stuck, was ready Seats" in text
    assert "seat07-node2 residue interface cni0 an address is left ip -br link show cni0" in text
    assert ("seat20-node2 seat20 worker 10.20.0.202 · answers 2026-09-02 10:15 CEST containerd 2.4.2-1, "
            "kubelet 1.36.3-1 2026-09-02 10:15 CEST") in text


def test_one_mistake_is_on_the_page_once_and_one_command_repeats_all() -> None:
    text = " ".join(read(two_days(20)).text.split())
    assert text.count("Wanted the package kubelet") == 1
    assert ("2 seats alike ✗ stuck seen 2026-09-02 10:15 CEST seat12 (Anna Müller), seat17 This is the error of "
            "seat12: seat12-node1 (10.20.0.121),") in text
    assert ("Again for what failed: ansible-playbook -i class.yml site.yml --limit seat12-node1,seat17-node1 "
            "What changed") in text


def test_different_mistakes_stay_apart_and_the_largest_group_is_first() -> None:
    reports = [SeatReport(f"seat0{number}", state=state, why=why) for number, (state, why) in enumerate([
        ("stuck", "other"), ("stuck", "seat01: full"), ("unreachable", "seat02: full"), ("stuck", "seat03: full"),
        ("stuck", "seat01: full")])]
    assert [[seat.name for seat in group] for group in alike(reports)] == [
        ["seat01", "seat03"], ["seat00"], ["seat02"], ["seat04"]]


def test_the_legend_is_at_the_bars() -> None:
    text = " ".join(read(two_days(3)).text.split())
    assert ("Seats Stages of the last run: Run preflight checks Configure utility Prepare hosts Initialize control "
            "plane Join workers Apply labels and taints Verify cluster Seat Student State") in text


def test_without_names_of_students_there_is_no_column_for_them() -> None:
    report = two_days(20)
    named = replace(report, changes=("Anna Müller is new",))
    text = read(without_students(named)).text
    assert "Student" in read(named).text and "Student" not in text
    assert not [name for name in STUDENTS if name and name in text]
    assert "seat18 is new" in text


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = page(two_days(20))
    reader = read(two_days(20))
    assert not reader.attributes & {"src", "href", "srcset", "action", "style", "onload", "onclick"}
    assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text and "@media (min-width: 1800px)" in text


def test_what_hosts_and_people_say_is_text_and_nothing_else() -> None:
    plain, evil = class_report(20, (3,)), class_report(20, (3,), evil=EVIL)
    reader = read(merged(None, evil))
    assert reader.tags == read(merged(None, plain)).tags
    assert reader.attributes == read(merged(None, plain)).attributes
    assert reader.text.count(EVIL) >= 64
    assert "<b>Ben</b> & \"Co\"" in reader.text


def test_no_changes_and_no_audit_are_said() -> None:
    report = merged(merged(None, class_report(1)), class_report(1, day=2))
    assert "What changed since 2026-09-01 10:15 CEST Nothing." in " ".join(read(report).text.split())
    bare = Report("class", "x", "site.yml", True, 0.0, ())
    assert "findings: not audited yet" in read(bare).text and "in check mode" in read(bare).text


def test_the_chart_is_in_the_order_of_the_run_and_the_slowest_seat_fills_it() -> None:
    report = merged(None, class_report(3))
    stages = stage_names(report.seats)
    assert stages == ["Run preflight checks", "Configure utility", "Prepare hosts", "Initialize control plane",
                      "Join workers", "Apply labels and taints", "Verify cluster"]
    longest = max(seat.seconds for seat in report.seats)
    drawn = bars(report.seats[2], stages, longest)
    assert [one.words for one in drawn][:2] == ["Run preflight checks: 0:08", "Prepare hosts: 0:23"]
    assert drawn[-1].x + drawn[-1].width == pytest.approx(1000, abs=0.5)
    assert bars(report.seats[0], stages, 0.0)[0].width == 0.0
    assert len(re.findall("<rect ", page(report))) == 3 * 6 + 2


def test_moments() -> None:
    assert moment("2026-09-01T08:15:59+00:00") == "2026-09-01 10:15 CEST"
    assert moment("2026-12-01T08:15:59+00:00") == "2026-12-01 09:15 CET"
    assert moment("day 1") == "day 1" and moment("2026-09-01T08:15:59") == "2026-09-01T08:15:59"
