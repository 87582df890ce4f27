# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a class on disk: report.json, which the next one builds on, and report.html for people."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .._display.clean import cleaned
from .html import page
from .model import Report, ReportError, as_json, from_json, merged

JSON = "report.json"
HTML = "report.html"


class ReportNotWritten(Exception):
    """A sentence that says why, and what to do."""


def write_report(directory: str, latest: Report, say: Callable[[str], None]) -> Path:
    """Merge it into what is there and write both files. Returns the page's path. Raises ReportNotWritten.

    Only the user can read them: they have the names of students, addresses, and what is wrong with which machine. A
    directory that was there before keeps its mode.
    """
    place = Path(directory).expanduser()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        former = _former(place, latest.written, say)
        report = merged(former, cleaned(latest))
        _replace(place / JSON, json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")
        _replace(place / HTML, page(report))
    except OSError as error:
        raise ReportNotWritten(
            f"Wanted to write the report into {place}, found: {error.strerror or error}; choose another directory, or "
            "correct its permissions."
        ) from error
    return place / HTML


def _former(place: Path, now: str, say: Callable[[str], None]) -> Report | None:
    """What is known. A file that cannot be read is put aside, not written over."""
    path = place / JSON
    if not path.exists():
        return None
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except ReportError as error:
        found = str(error)
    except ValueError as error:
        found = f"a file that is not JSON ({error})"
    aside = _unused(place, "report-{}".format(now.replace(":", "")))
    path.rename(aside)
    aside.chmod(0o600)
    say(f"Wanted the last report in {path}, found {found}. It is kept as {aside.name}, and the new report begins "
        "without it.")
    return None


def _unused(place: Path, stem: str) -> Path:
    number = 1
    while (place / f"{stem}-{number}.json").exists():
        number += 1
    return place / f"{stem}-{number}.json"


def _replace(path: Path, text: str) -> None:
    """Replace a file in one step, since another program may have it open, with mode 0600 (mkstemp's)."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="." + path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
