# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the files of a new class, which are those of the example, into a directory of the controller."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...module_utils._core.errors import ClassroomError

EXAMPLE = Path(__file__).resolve().parents[3] / "inventories" / "class"
NAMES = ("class.yml", "ansible.cfg")
_OTHER = "Use another directory (-e init_directory=…)"


@dataclass(frozen=True)
class NewFile:
    """A file that the directory does not have."""

    path: Path
    content: str


def missing_files(directory: Path, example: Path = EXAMPLE) -> list[NewFile]:
    """Return the files to write; raise ClassroomError if a file in the directory differs or it cannot be used."""
    _require_usable(directory)
    wanted = [NewFile(directory / name, (example / name).read_text(encoding="utf-8")) for name in NAMES]
    found = {file: _found(file) for file in wanted}
    others = [f"{file.path.name} ({what})" for file, what in found.items() if what not in ("", "nothing")]
    if others:
        raise ClassroomError(
            f"The directory {directory} has files of its own: expected neither {' nor '.join(NAMES)}, or those that "
            f"this playbook writes, found {' and '.join(others)}. Existing files are never overwritten. {_OTHER}, or "
            "move them away. Nothing was changed.")
    return [file for file, what in found.items() if what]


def write(files: Sequence[NewFile]) -> None:
    """Write all files or none; raise ClassroomError if one cannot be written or was created meanwhile."""
    written: list[Path] = []
    try:
        for file in files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            with file.path.open("x", encoding="utf-8") as stream:
                written.append(file.path)
                stream.write(file.content)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise ClassroomError(
            f"The files of the class cannot be written: expected to create {file.path}, found: {error.strerror}. "
            f"{_OTHER}, or repair this one. Nothing was changed.") from error


def _found(file: NewFile) -> str:
    """Return an empty text for the file itself, "nothing", or what is there instead."""
    try:
        kind = file.path.lstat().st_mode
        if stat.S_ISREG(kind):
            return "" if file.path.read_bytes() == file.content.encode() else "with other content"
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "a directory" if stat.S_ISDIR(kind) else "a link" if stat.S_ISLNK(kind) else "a special file"


def _require_usable(directory: Path) -> None:
    try:
        mode = directory.stat().st_mode
    except FileNotFoundError:
        # It is created
        return
    except OSError as error:
        raise ClassroomError(
            f"The directory cannot be read: expected access to {directory}, found: {error.strerror}. {_OTHER}. "
            "Nothing was changed.") from error
    if not stat.S_ISDIR(mode):
        raise ClassroomError(
            f"The class needs a directory: expected one at {directory}, found a file. {_OTHER}. Nothing was changed.")
    if mode & stat.S_IWOTH:
        raise ClassroomError(
            f"Ansible would ignore an ansible.cfg in {directory}: expected a directory in which others cannot write, "
            f"found mode {stat.S_IMODE(mode):04o}. {_OTHER}, in WSL below your home directory and not below /mnt, or "
            "remove the permission with 'chmod o-w'. Nothing was changed.")
