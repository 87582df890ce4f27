# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Format a run of a class as plain text: durations, columns, failures. Needs no library and no terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from .alike import grouped
from .clean import MOST, bounded, clean_text, shortened
from .run import Failure, Row, Run, SeatRun, counted

CENSORED = "What it said is hidden, since the task handles a secret (no_log)."
SILENT = "It gave no reason; run it again with -v to see everything that it returned."
# The values of a result that explain a failure in addition to its message; all others are shown with -v only.
_EXPLAINS = ("cmd", "rc", "stderr", "stdout", "module_stderr", "module_stdout")


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def width(text: str) -> int:
    """Return the width in columns of a terminal: an East Asian letter takes two, a combining accent none."""
    return sum(
        0 if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me")
        else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text)


def cut(text: str, columns: int) -> str:
    """Return a text of at most `columns` columns; a mark shows that it was cut."""
    if width(text) <= columns:
        return text
    kept = ""
    for letter in text:
        if width(kept + letter) > columns - 1:
            break
        kept += letter
    return kept + "…"


def padded(text: str, columns: int) -> str:
    return text + " " * max(columns - width(text), 0)


def plain(text: str) -> str:
    """Return `text` as one line without control characters; each of them separates words."""
    return " ".join(clean_text("".join(
        letter if unicodedata.category(letter) != "Cc" else " " for letter in text)).split())


def progress(row: Row) -> str:
    return f"{row.number}/{row.total}" if row.total else ""


def table(rows: Sequence[Row], students: bool, columns: int) -> list[str]:
    """Return the table as aligned lines, for output without a terminal."""
    heads = ["seat", *(["student"] if students else []), "stage", "progress", "time", "state"]
    cells = [heads] + [[
        plain(row.seat), *([plain(row.student)] if students else []), row.stage, progress(row), duration(row.seconds),
        row.state] for row in rows]
    widths = [max(width(line[index]) for line in cells) for index in range(len(heads))]
    # Long columns are cut, so that the state stays visible.
    for head in ("student", "stage", "seat"):
        if head in heads:
            index = heads.index(head)
            over = sum(widths) + 2 * (len(widths) - 1) - columns
            widths[index] = max(widths[index] - max(over, 0), min(widths[index], 8))
    lines = ["  ".join(padded(cut(cell, widths[index]), widths[index]) for index, cell in enumerate(line)).rstrip()
             for line in cells]
    return [cut(line, columns) for line in lines]


def summary(run: Run) -> str:
    """Return the whole run in one line. Hosts outside of clusters, as the utility, count only if there are no seats."""
    alone = {name for name, seat in run.seats.items() if seat.alone}
    rows = [row for row in run.rows() if row.seat not in alone]
    what, shown = ("seat", rows) if rows else ("machine", run.rows())
    states = ", ".join(f"{number} {state}" for state, number in counted(shown).items())
    changed = sum(seat.changed for seat in run.seats.values())
    text = "{}: {}; {}; {}".format(
        several(len(shown), what), states or "nothing to do", several(changed, "change"), duration(run.seconds))
    return text + ". Check mode: nothing was changed" if run.check else text


def wrapped(lines: Sequence[str], columns: int) -> list[str]:
    """Return lines that end at a blank where a terminal would cut them anywhere; each part has the line's indent."""
    found: list[str] = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip(" ")))
        parts = [""]
        for word in line.strip(" ").split(" "):
            if parts[-1] and width(f"{indent}{parts[-1]} {word}") > columns:
                parts.append(word)
            else:
                parts[-1] = f"{parts[-1]} {word}" if parts[-1] else word
        found += [indent + part for part in parts]
    return found


def several(number: int, what: str) -> str:
    return "{} {}{}".format(number, what, "" if number == 1 else "s")


def errors(run: Run, addresses: Mapping[str, str] | None = None) -> list[tuple[str, list[str]]]:
    """Return all failures in full, (title, lines) each; what many seats have alike is there once, and first.

    `addresses` of the hosts, by name, may differ in what is alike.
    """
    found: list[tuple[str, list[str]]] = []
    own: dict[str, list[str]] = {}
    for alike in grouped(run.seats.values(), addresses or {}):
        lines = ["  " + head for head in alike.heads()]
        lines += textwrap.indent(alike.text.strip(), "    ", lambda line: True).split("\n")
        if len(alike.seats) > 1:
            names = ", ".join(plain(seat.place.seat) for seat in alike.seats)
            found.append(("{} alike: {}".format(several(len(alike.seats), "seat"), names), [
                *lines, f"  This is the error of {_title(alike.seats[0])}."]))
        else:
            own.setdefault(_title(alike.seats[0]), []).extend(lines)
    return found + list(own.items())


def _title(seat: SeatRun) -> str:
    place = seat.place
    return f"{plain(place.seat)} ({plain(place.student)})" if place.student else plain(place.seat)


def at_once(seat: SeatRun, failure: Failure) -> str:
    """Return a failure in one line, for output without a live table."""
    verb = "was not reached" if failure.unreachable else "waits" if failure.waits else "failed"
    return "{}: {} {} at {}, {}: {}".format(
        _title(seat), failure.where, verb, failure.stage, failure.task, plain(failure.text.strip().split("\n")[0]))


def failure_text(result: Mapping[str, Any]) -> str:
    """Return what a failed result says, without what a task wants hidden and without control characters.

    A result comes from a host: any value can be of any type and size. Each text is limited to LONGEST characters.
    """
    if _hidden(result):
        return CENSORED
    results = result.get("results")
    if isinstance(results, list):
        failed = [each for each in results if isinstance(each, Mapping) and _bad(each)]
        if failed:
            return shortened("\n".join(dict.fromkeys(_item_text(each) for each in failed[:MOST])))
    parts = [_words(result.get("msg"))]
    for key in _EXPLAINS:
        text = _words(result.get(key))
        if text and text not in parts[0] and not (key == "rc" and text == "0"):
            parts.append(f"{key}: {text}" if "\n" not in text else
                         "{}:\n{}".format(key, textwrap.indent(text, "  ")))
    if parts[0] == "Assertion failed" and result.get("assertion"):
        parts.append("assertion: " + _words(result["assertion"]))
    if not parts[0] and result.get("failed_when_result"):
        parts[0] = "The task counts this as a failure (failed_when)."
    return shortened("\n".join(part for part in parts if part) or SILENT)


def _item_text(result: Mapping[str, Any]) -> str:
    if _hidden(result):
        return CENSORED
    label = result.get("_ansible_item_label", result.get("item"))
    # One level of items: what a host calls its results does not count
    text = failure_text({key: value for key, value in result.items() if key != "results"})
    return f"{_words(label)}: {text}" if label is not None else text


def _bad(result: Mapping[str, Any]) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _hidden(result: Mapping[str, Any]) -> bool:
    return "censored" in result or result.get("_ansible_no_log") is True


def _words(value: Any) -> str:
    if value is None:
        return ""
    value = bounded(value)
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=None, sort_keys=False, width=1000)
    return clean_text(str(text)).strip()
