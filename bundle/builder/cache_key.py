# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checksums, and the keys by which finished work is recognized."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def sha256(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def key_of(facts: Any, files: Iterable[Path] = (), root: Path | None = None) -> str:
    """Return one key for values and for names and contents of files; equal inputs have equal keys on every machine."""
    names = {str(path.relative_to(root) if root else path.name): sha256(path) for path in files}
    text = json.dumps([facts, names], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def source_files(source: Path) -> list[Path]:
    """Return every file of the source directory on which a bundle depends."""
    return sorted(
        path
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    )
