# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.screen import Coloured, clean_display


class Display:
    """What Ansible's has: other methods write through `display`."""

    def __init__(self) -> None:
        self.written: list[tuple[Any, str | None]] = []

    def display(self, msg: Any, color: str | None = None) -> None:
        self.written.append((msg, color))

    def warning(self, msg: str) -> None:
        self.display("[WARNING]: " + msg, color="bright purple")


def test_everything_that_is_written_is_clean() -> None:
    display = Display()
    clean_display(display)
    clean_display(display)
    display.warning("\x1b[2Jbad")
    display.display("a\x07", color="red")
    display.display(Coloured("\x1b[32mgood\x1b[0m\x07"))
    display.display(5)
    assert display.written == [
        ("[WARNING]: [2Jbad", "bright purple"), ("a", "red"), ("\x1b[32mgood\x1b[0m", None), (5, None)]


def test_colours_are_kept_where_ansible_writes_them_into_texts() -> None:
    display = Display()
    clean_display(display, coloured=True)
    display.display("\x1b[0;31m-old\x1b[0m\x1b[2J\x07")
    assert display.written == [("\x1b[0;31m-old\x1b[0m[2J", None)]


def test_another_display_is_left_alone() -> None:
    clean_display(Display())
    display = Display()
    display.display("a\x07")
    assert display.written == [("a\x07", None)]
