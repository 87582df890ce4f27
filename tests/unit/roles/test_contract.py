# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles read only the public results of each other, and the README of a role describes the results that are public."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tools.paths import ROOT

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())
REGISTERED = re.compile(r"^\s*(?:- )?register: (\w+)$", re.MULTILINE)
# Registered or read: the name of a result, not the value of a variable such as _role_result
PRIVATE = re.compile(r"(?<![\w.])__([a-z]\w+)|(?<=\.)__([a-z]\w+)")
PUBLIC = re.compile(r"(?<!\w)([a-z]\w*_(?:result|membership|waits))(?!\w)")
# The filter is the role's own: it makes the report of enroll.yml and reads nothing but the role's results
OF_THE_ROLE = {"plugins/plugin_utils/_report/enroll.py": "enroll", "plugins/filter/enroll_report.py": "enroll"}


def readers() -> Iterable[Path]:
    """Return the files that may read a result."""
    for place in ("roles", "playbooks", "plugins/plugin_utils", "plugins/filter", "plugins/callback"):
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in (".yml", ".j2", ".py"):
                yield path


def registered(role: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role).rglob("*.yml")]
    return {name for text in texts for name in REGISTERED.findall(text)}


def owners() -> dict[str, str]:
    """Return the role of each registered name."""
    return {name: role for role in ROLES for name in registered(role)}


def foreign(text: str, reader: str | None, known: dict[str, str]) -> list[str]:
    """Return the private results of other roles that a text names; `reader` is the role to which the text belongs."""
    names = {"__" + (one or other) for one, other in PRIVATE.findall(text)}
    return sorted(name for name in names if name in known and known[name] != reader)


@pytest.mark.parametrize("path", list(readers()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_result_of_another_role_is_read(path: Path) -> None:
    relative = path.relative_to(ROOT)
    role = relative.parts[1] if relative.parts[0] == "roles" else OF_THE_ROLE.get(str(relative))
    assert foreign(path.read_text(encoding="utf-8"), role, owners()) == []


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_describes_the_public_results(role: str) -> None:
    public = {name for name in registered(role) if not name.startswith("_")}
    described = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8").partition("\n## Result\n")[2]
    assert set(re.findall(r"^- `(\w+)`:", described, re.MULTILINE)) == public


def test_every_result_that_is_read_is_registered() -> None:
    known = owners()
    read = {name for path in readers() for name in PUBLIC.findall(path.read_text(encoding="utf-8"))}
    unknown = {name for name in read - known.keys() if name.startswith(tuple(f"{role}_" for role in ROLES))}
    assert {"host_result", "worker_membership"} <= read
    assert unknown == set()


@pytest.mark.parametrize(("text", "reader", "expected"), [
    ("{{ __worker_token is failed }}", "worker", []),
    ("{{ __worker_token is failed }}", "verify", ["__worker_token"]),
    ("{{ hostvars[host].__worker_token.changed }}", None, ["__worker_token"]),
    ("{{ worker_result is failed }}", "verify", []),
    ("if __name__ == '__main__':", None, []),
])
def test_a_private_result_of_another_role_is_found(text: str, reader: str | None, expected: list[str]) -> None:
    assert foreign(text, reader, {"__worker_token": "worker", "worker_result": "worker"}) == expected
