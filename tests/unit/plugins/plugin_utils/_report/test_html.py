# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.html import bars, moment, page, stage_names
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import Report, merged
from tests.unit.support.class_reports import class_report, two_days

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
    assert "seat12-node1, Prepare hosts, Install Kubernetes packages: Wanted the package kubelet 1.36.3" in text
    assert "What changed since 2026-09-01 08:15 UTC seat03: ready, was stuck seat12: stuck, was ready Seats" in text
    assert "seat07-node2 residue interface cni0 an address is left ip -br link show cni0" in text
    assert "seat20-node2 seat20 worker 10.20.0.202 · answers containerd 2.4.2-1, kubelet 1.36.3-1" in text


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
    assert "What changed since 2026-09-01 08:15 UTC Nothing." in " ".join(read(report).text.split())
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
    assert moment("2026-09-01T08:15:59+00:00") == "2026-09-01 08:15 UTC" and moment("day 1") == "day 1"
