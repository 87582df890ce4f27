# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's display without control characters from hosts."""

from __future__ import annotations

import functools
from typing import Any

from .clean import clean_coloured, clean_text

_CLEANED = "_classroom_cleaned"


class Coloured(str):
    """A text with Ansible's own colours, created from parts that are already cleaned."""


def clean_display(display: Any, coloured: bool = False) -> None:
    """Make `display`, Ansible's one display of a process, clean every text that it writes; once is enough.

    Warnings, deprecations, errors, results, retries and, with -vvv, what a connection plugin prints are written by its
    one method `display`, by code of Ansible that a callback does not see. A colour is an argument of that method: a
    sequence in the text is a host's, except in a Coloured. `coloured` is for output that Ansible's own callback writes:
    colours in a text may be Ansible's there, as in a diff, so those are kept.
    """
    if getattr(display, _CLEANED, False):
        return
    write = display.display

    @functools.wraps(write)
    def cleaned(msg: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(msg, str):
            msg = clean_coloured(msg) if coloured or isinstance(msg, Coloured) else clean_text(msg)
        return write(msg, *arguments, **options)

    setattr(display, _CLEANED, True)
    display.display = cleaned
