# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a class on a terminal, drawn by rich a few times a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any

# Without rich, the callback writes plain lines and says what to install.
try:
    from rich import box
    from rich.console import Console, Group, RenderableType
    from rich.file_proxy import FileProxy
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    RICH_MISSING = ""
except ImportError as error:
    RICH_MISSING = str(error)

from .alike import rows as rows_of
from .run import CHECKED, DONE, READY, STUCK, UNREACHABLE, URGENCY, WAITING, WORKING, Row, Run, counted
from .text import duration, plain, progress, several, width

# A colour adds no information to the word.
STYLES = {
    WAITING: "dim", WORKING: "cyan", STUCK: "bold red", UNREACHABLE: "bold magenta", READY: "bold green", DONE: "green",
    CHECKED: "green",
}
# The number of columns from which on there is room for details, and for a bar beside them.
WIDE = 100
WITH_BAR = 140
# Lines without a seat: two of the header, two below the table, and that of the prompt.
_FRAME = 6


def console(colour: bool) -> Console:
    return Console(no_color=not colour, highlight=False, markup=False, emoji=False)


def chosen(rows: Sequence[Row], most: int) -> list[Row]:
    """Return the rows that fit, in their order; the most urgent ones are kept."""
    if len(rows) <= most:
        return list(rows)
    urgent = sorted(range(len(rows)), key=lambda index: (URGENCY.index(rows[index].state), index))
    return [rows[index] for index in sorted(urgent[:max(most - 1, 0)])]


def seat_table(rows: Sequence[Row], students: bool, columns: int) -> Table:
    """Return the table of the seats. The widths are set, because rich would cut the last column with the state."""
    wide, with_bar = columns >= WIDE, columns >= WITH_BAR
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    widths = {
        "seat": _fitting([row.seat for row in rows], "seat", 24 if with_bar else 16 if wide else 10),
        "student": _fitting([row.student for row in rows], "student", 24) if students else 0,
        "stage": _fitting([row.stage for row in rows], "stage", 24 if wide else 12),
        "progress" if with_bar else "step": 16 if with_bar else 5,
        "time": max(len(duration(row.seconds)) for row in rows) if rows else 4,
        "state": max(map(len, STYLES)),
    }
    widths["time"] = max(widths["time"], len("time"))
    taken = sum(size + 1 for size in widths.values() if size)
    if wide:
        widths[""] = columns - taken
    elif students and taken - 1 > columns:
        widths["student"] = max(widths["student"] - (taken - 1 - columns), 4)
    for name, size in widths.items():
        if size > 0:
            table.add_column(name, width=size, no_wrap=True, overflow="ellipsis",
                             justify="right" if name == "time" else "left")
    for row in rows:
        cells: list[RenderableType] = [Text(plain(row.seat))]
        if students:
            cells.append(Text(plain(row.student)))
        cells += [Text(plain(row.stage)), _progress(row, with_bar), Text(duration(row.seconds)),
                  Text(row.state, style=STYLES[row.state])]
        if widths.get("", 0) > 0:
            cells.append(Text(plain(row.detail), style="dim" if row.state == WORKING else ""))
        table.add_row(*cells)
    return table


def _fitting(texts: Sequence[str], head: str, most: int) -> int:
    return min(max((width(plain(text)) for text in [*texts, head]), default=0), most)


def _progress(row: Row, with_bar: bool) -> RenderableType:
    if not with_bar or not row.total:
        return Text(progress(row))
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=4, justify="right", no_wrap=True)
    grid.add_column(width=10)
    grid.add_row(Text(progress(row)), ProgressBar(
        total=row.total, completed=row.number, width=10, complete_style=STYLES[row.state],
        finished_style=STYLES[row.state]))
    return grid


def frame(run: Run, columns: int, lines: int) -> RenderableType:
    """Return the content of the screen at one moment."""
    rows = rows_of(run)
    shown = chosen(rows, lines - _FRAME)
    parts: list[RenderableType] = [seat_table(shown, run.with_students, columns)]
    if len(shown) < len(rows):
        hidden = [row for row in rows if row not in shown]
        parts.append(Text("and {}: {}".format(several(len(hidden), "other"), ", ".join(
            f"{number} {state}" for state, number in counted(hidden).items())), style="dim"))
    now = "{} {}".format(duration(run.seconds), "check mode " if run.check else "").strip()
    if run.stage:
        now += f"  {run.stage} ({run.number}/{max(run.total, run.number)})"
    parts.append(Text(f"{now}  {plain(run.task)}", style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


class _Above:
    """A stream that writes above the table, with rich's FileProxy.

    Ansible holds one lock for every line that it writes and for every process that it forks, and rich has its own
    locks. They are always taken in the same order, so that they cannot cause a deadlock.
    """

    def __init__(self, console: Console, file: IO[str], lock: AbstractContextManager[Any]) -> None:
        self._proxy = FileProxy(console, file)
        self._display_lock = lock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proxy, name)

    def write(self, text: str) -> int:
        with self._display_lock:
            return self._proxy.write(text)

    def flush(self) -> None:
        with self._display_lock:
            self._proxy.flush()


class LiveTable:
    """A table that is drawn by a thread, and removed while the user is prompted."""

    def __init__(self, run: Run, lock: AbstractContextManager[Any], colour: bool, per_second: float) -> None:
        self.console = console(colour)
        self._run = run
        self._pause = 1 / per_second
        self._lock = lock
        self._live: Live | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._streams = (sys.stdout, sys.stderr)
        # Created once and kept, because one that is deleted in a forked process would write its remaining text.
        self._above = tuple(
            _Above(self.console, stream, lock) if stream.isatty() else stream for stream in self._streams)

    def _frame(self) -> RenderableType:
        size = self.console.size
        return frame(self._run, size.width, size.height)

    def start(self) -> None:
        with self._lock:
            if self._live is None:
                self._live = Live(console=self.console, auto_refresh=False, transient=True, get_renderable=self._frame,
                                  redirect_stdout=False, redirect_stderr=False)
                self._live.start(refresh=True)
                self._redirect(self._above)
            if self._thread is None:
                self._thread = threading.Thread(target=self._draw, args=(self._end.wait,), daemon=True)
                self._thread.start()

    @staticmethod
    def _redirect(streams: Sequence[Any]) -> None:
        sys.stdout, sys.stderr = streams

    def _draw(self, wait: Callable[[float], bool]) -> None:
        while not wait(self._pause):
            with self._lock:
                if self._live is not None:
                    self._live.refresh()

    def stop(self) -> None:
        """Remove the table from the terminal; `start` shows it again."""
        with self._lock:
            if self._live is not None:
                for stream in self._above:
                    stream.flush()
                self._redirect(self._streams)
                self._live.stop()
                self._live = None

    def close(self) -> None:
        self._end.set()
        self.stop()

    def final(self) -> None:
        """Print the whole table, which stays on the terminal."""
        self.console.print(seat_table(rows_of(self._run), self._run.with_students, self.console.width))
