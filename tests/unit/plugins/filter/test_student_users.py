# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.classroom.kubeadm.plugins.filter.student_users import slug, student_users

HOME = "/etc/kubernetes/students/"


@pytest.mark.parametrize(("name", "user"), [
    ("Anna Müller", "anna-muller"),
    ("Łukasz Żak", "lukasz-zak"),
    ("Ben Sørensen", "ben-sorensen"),
    ("Frau Groß", "frau-gross"),
    ("  O'Neill, Zoë ", "o-neill-zoe"),
    ("\u0130pek I\u015f\u0131k", "ipek-isik"),
    ("Đặng Þór Æsir", "dang-thor-aesir"),
    ("\uff21\uff4e\uff4e\uff41 \u2460", "anna-1"),
    ("李明", "student"),
    ("Анна", "student"),
    ("", "student"),
    ("x" * 39 + " y", "x" * 39),
])
def test_names_that_everything_takes(name: str, user: str) -> None:
    assert slug(name) == user
    # Composed or not, it is the same name
    assert student_users([{"name": name}]) == [{"user": user, "name": name, "state": "present"}]


def test_those_who_leave_come_first() -> None:
    found = student_users(
        [{"name": "Anna"}, {"name": "李明", "user": "li-ming"}, {"name": "Ben", "state": "absent"}],
        [HOME + "anna.conf", HOME + "ben.conf", HOME + "eve.conf"])
    assert [(entry["user"], entry["state"]) for entry in found] == [
        ("eve", "absent"), ("ben", "absent"), ("anna", "present"), ("li-ming", "present")]


def test_all_may_leave() -> None:
    assert student_users([{"name": "Anna"}], [], "absent") == [{"user": "anna", "name": "Anna", "state": "absent"}]


@pytest.mark.parametrize(("students", "words"), [
    ([{"name": "李明"}, {"name": "王芳"}], "found 'student' for 李明 and for 王芳. Set user of one of them"),
    ([{"name": "Anna Müller"}, {"name": "anna muller"}], "found 'anna-muller' for Anna Müller and for anna muller"),
    ([{"name": "A", "user": "A B"}], "found 'A B'. Set user to another name"),
    ([{"name": "A", "user": "system:masters"}], "found 'system:masters'"),
    ([{"name": "A", "user": "x" * 41}], "at most 40 lower-case letters"),
    ([{"name": "Kube System"}], "none of Kubernetes' own namespaces, found 'kube-system'"),
    ([{"name": "Default"}], "found 'default'"),
])
def test_what_cannot_be_a_user_is_told(students: list[dict[str, str]], words: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        student_users(students)
    assert words in str(error.value)
