# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several inventories write one resource: each replaces its own share, and none removes that of another one."""

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.shares import (
    Share,
    own_lines,
    parse,
    render,
    replaced,
    validate,
    without,
)

MONDAY = Share(("monday",), ("allow 10.0.0.1;",))
SEATS = Share(("anna", "bert"), ("allow 10.1.0.1;", "allow 10.1.0.2;"))


@pytest.mark.parametrize(("own", "expected"), [
    (Share(("monday",), ("allow 10.0.0.9;",)), [("anna", "bert"), ("monday",)]),
    (Share(("tuesday",), ("allow 10.0.0.9;",)), [("anna", "bert"), ("monday",), ("tuesday",)]),
    # The class has got or lost a seat
    (Share(("carla", "bert", "anna")), [("anna", "bert", "carla"), ("monday",)]),
    (Share(("anna",)), [("anna",), ("monday",)]),
    # A seat of one class went to another class
    (Share(("bert", "carla")), [("anna",), ("bert", "carla"), ("monday",)]),
])
def test_only_the_share_of_the_same_owner_is_replaced(own: Share, expected: list[tuple[str, ...]]) -> None:
    found = replaced((MONDAY, SEATS), own)
    assert [share.names for share in found] == expected
    assert own.lines == next(share.lines for share in found if set(share.names) == set(own.names))
    lines = {line for share in found for line in share.lines}
    assert set(MONDAY.lines) <= lines or own.names == ("monday",)
    assert replaced(found, own) == found


def test_the_lines_of_an_owner() -> None:
    assert own_lines((MONDAY, SEATS), ["bert", "anna", "carla"]) == SEATS.lines
    assert own_lines((MONDAY, SEATS), ["tuesday"]) == ()
    assert without((MONDAY, SEATS), ["monday"]) == (SEATS,)


def test_a_file_is_read_as_it_was_written() -> None:
    text = render((SEATS, MONDAY))
    assert text == ("# Owner: anna, bert\nallow 10.1.0.1;\nallow 10.1.0.2;\n# Owner: monday\nallow 10.0.0.1;\n")
    assert parse("# a comment\n" + text) == (SEATS, MONDAY)
    assert parse("") == () and render(()) == ""


@pytest.mark.parametrize("name", ["a, b", "a\nallow all;", "", " a"])
def test_a_name_that_a_file_cannot_contain(name: str) -> None:
    with pytest.raises(ClassroomError, match="A name of an owner is invalid"):
        validate(["monday", name])
