# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Derive the users of a cluster from the names of students."""

from __future__ import annotations

DOCUMENTATION = r"""
name: student_users
short_description: Derive the users of a cluster from its students
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Derives a user name in plain lower-case letters from the name of each student, the same in every run. A name without
    such letters becomes C(student).
  - A user with a kubeconfig on the control plane who is not in the list of students is in the result with the state
    V(absent).
positional: files, state
options:
  _input:
    description: The students, each with C(name), and optionally C(user), the user name, and C(state).
    type: list
    elements: dict
    required: true
  files:
    description: Paths of the kubeconfigs of students on the control plane. Each is named after its user.
    type: list
    elements: str
    default: []
  state:
    description: Whether the students are users of the cluster. V(absent) overrides the state of each student.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Show the users of two students
  ansible.builtin.debug:
    msg: "{{ [{'name': 'Anna Müller'}, {'name': '李明', 'user': 'li-ming'}] | classroom.kubeadm.student_users }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each user with C(user), C(name) and C(state). Absent users come first.
  type: list
  elements: dict
"""

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

FALLBACK = "student"
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"})
# A valid name of a namespace, short enough for a part of other names.
_USER = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_LONGEST = 40


def slug(name: str) -> str:
    """Return the plain letters and digits of a name; letters of other scripts are left out."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", kept).strip("-")[:_LONGEST].strip("-") or FALLBACK


def _is_user(name: str) -> bool:
    return bool(_USER.fullmatch(name)) and name != "default" and not name.startswith("kube-")


def student_users(
    students: Sequence[Mapping[str, Any]], files: Sequence[str] = (), state: str = "present",
) -> list[dict[str, str]]:
    """Return one entry for each user; see DOCUMENTATION. Raise AnsibleFilterError for invalid and duplicate names."""
    found: dict[str, dict[str, str]] = {}
    for student in students:
        name = str(student["name"])
        user = str(student.get("user") or slug(name))
        if not _is_user(user):
            raise AnsibleFilterError(
                f"The user name of the student {name} is invalid: expected at most {_LONGEST} lower-case letters, "
                f"digits and '-', and none of Kubernetes' own namespaces, found '{user}'. Set user to another name.")
        if user in found:
            raise AnsibleFilterError(
                "Two students have the same user name: expected a separate one for each student of a cluster, found "
                "'{}' for {} and for {}. Set user of one of them to another name.".format(
                    user, found[user]["name"], name))
        desired = state if state == "absent" else str(student.get("state") or "present")
        found[user] = {"user": user, "name": name, "state": desired}
    # The list of files comes from a host, so a name counts only if this filter could have created it.
    known = {os.path.basename(path).removesuffix(".conf") for path in files}
    gone = [{"user": user, "name": user, "state": "absent"} for user in sorted(known)
            if user not in found and _is_user(user)]
    return gone + sorted(found.values(), key=lambda entry: entry["state"])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"student_users": student_users}
