# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.files import ReportNotWritten, write_report
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import MachineReport, Report, SeatReport

NEW = Report("class", "2026-01-02T10:00:00+00:00", "site.yml", False, 1.0, (SeatReport("seat01", state="ready"),))


def quiet(sentence: str) -> None:
    raise AssertionError(sentence)


def test_only_the_user_can_read_the_two_files(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        page = write_report(str(tmp_path / "a" / "b"), NEW, quiet)
    finally:
        os.umask(old)
    assert page.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json"]
    assert {path.stat().st_mode & 0o777 for path in page.parent.iterdir()} == {0o600}
    assert json.loads((page.parent / "report.json").read_text(encoding="utf-8"))["seats"][0]["state"] == "ready"


def test_a_directory_that_was_there_keeps_its_mode_and_an_old_report_becomes_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "report.json").write_text("{", encoding="utf-8")
    (tmp_path / "report.html").write_text("", encoding="utf-8")
    write_report(str(tmp_path), NEW, lambda sentence: None)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600] * 3


def test_a_host_puts_no_control_characters_into_the_files(tmp_path: Path) -> None:
    evil = "a\x1b[2J\x9b1m\u202eb\ud800c\nd"
    machine = MachineReport("m", why=evil, versions=((evil, evil),))
    seat = SeatReport("seat01", state="stuck", why=evil, machines=(machine,))
    page = write_report(str(tmp_path), replace(NEW, seats=(seat,)), quiet)
    for path in (page, tmp_path / "report.json"):
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800]|\\\\u00", text)
        assert "a[2J1mb\ufffdc" in text


def test_no_file_has_the_names_of_students_if_they_are_hidden(tmp_path: Path) -> None:
    seat = SeatReport("seat01", "Anna Müller", state="stuck", why="no home of Anna Müller")
    write_report(str(tmp_path), replace(NEW, seats=(seat,)), quiet)
    # Nor those of the last report
    for seats in ((), (seat,)):
        page = write_report(str(tmp_path), replace(NEW, seats=seats), quiet, students=False)
        texts = [path.read_text(encoding="utf-8") for path in (page, tmp_path / "report.json")]
        assert not any("Müller" in text for text in texts)
        assert all("no home of seat01" in text for text in texts)


@pytest.mark.parametrize(("text", "found"), [
    ("{", "is not JSON"), ("", "is not JSON"), ("[]", "not a report of a class"), ('{"format": 99}', "format 99"),
    ('{"format": 1, "seats": {}}', "parts missing"), ("\x00\xff", "is not JSON")])
def test_what_cannot_be_read_is_kept(tmp_path: Path, text: str, found: str) -> None:
    sentences: list[str] = []
    for _twice in range(2):
        (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
        write_report(str(tmp_path), NEW, sentences.append)
    kept = sorted(path.name for path in tmp_path.glob("report-*.json"))
    assert kept == ["report-2026-01-02T100000+0000-1.json", "report-2026-01-02T100000+0000-2.json"]
    assert {(tmp_path / name).read_bytes() for name in kept} == {text.encode("latin-1")}
    assert len(sentences) == 2 and found in sentences[0] and kept[0] in sentences[0]
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["format"] == 1


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportNotWritten, match=re.escape("Cannot write the report to")):
        write_report(str(tmp_path / "file"), NEW, quiet)


def test_an_interrupted_write_leaves_the_former_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(str(tmp_path), NEW, quiet)
    before = (tmp_path / "report.json").read_text(encoding="utf-8")

    def no(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no)
    with pytest.raises(ReportNotWritten, match="No space left on device"):
        write_report(str(tmp_path), NEW, quiet)
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == before
    assert len(list(tmp_path.iterdir())) == 2
