# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the report of a class: report.json, which the next run updates, and report.html for users."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .._display.clean import cleaned
from .html import page
from .model import Report, ReportError, as_json, from_json, merged, without_students

JSON = "report.json"
HTML = "report.html"


class ReportNotWritten(Exception):
    """An error with the reason why the report was not written, and the fix."""


def write_report(directory: str, latest: Report, say: Callable[[str], None], students: bool = True) -> Path:
    """Merge a report into the last one, write both files and return the path of the page. Raise ReportNotWritten.

    Only the user can read the files, because they contain names of students, addresses, and problems of hosts. An
    existing directory keeps its mode. `say` shows a warning. With `students` false neither file has their names.
    """
    place = Path(directory).expanduser()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        former = _former(place, latest.written, say)
        report = merged(former, cleaned(latest))
        if not students:
            report = without_students(report)
        _replace(place / JSON, json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")
        _replace(place / HTML, page(report))
    except OSError as error:
        raise ReportNotWritten(
            f"Cannot write the report to {place}: {error.strerror or error}. Choose another directory, or correct its "
            "permissions."
        ) from error
    return place / HTML


def _former(place: Path, now: str, say: Callable[[str], None]) -> Report | None:
    """Return the last report. A file that cannot be read is renamed and not overwritten."""
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
    say(f"The last report is not usable: expected it in {path}, found {found}. It was renamed to {aside.name}, and the "
        "new report starts without it.")
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
