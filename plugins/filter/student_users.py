# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Students as users of a cluster: a name that a certificate, a namespace and a file can have, out of any person's."""

from __future__ import annotations

DOCUMENTATION = r"""
name: student_users
short_description: The users that a cluster has for its students
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Gives each student a user name in plain small letters, the same at every run. Who has none of these letters in the
    name is called C(student).
  - A user who has a kubeconfig on the control plane and is no student of the list is in the result with the state
    V(absent).
positional: files, state
options:
  _input:
    description: The students, each with C(name), and maybe C(user), the user name, and C(state).
    type: list
    elements: dict
    required: true
  files:
    description: The kubeconfigs of students that are on the control plane; each is called after its user.
    type: list
    elements: str
    default: []
  state:
    description: With V(absent) it is the state of all.
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
  description: One dictionary a user with C(user), C(name) and C(state). Those who leave come first.
  type: list
  elements: dict
"""

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

NOBODY = "student"
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"})
# What a namespace may be called, and short enough for a part of other names
_USER = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_LONGEST = 40


def slug(name: str) -> str:
    """The letters of a name that everything takes; those of other scripts are left out."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", kept).strip("-")[:_LONGEST].strip("-") or NOBODY


def _is_user(name: str) -> bool:
    return bool(_USER.fullmatch(name)) and name != "default" and not name.startswith("kube-")


def student_users(
    students: Sequence[Mapping[str, Any]], files: Sequence[str] = (), state: str = "present",
) -> list[dict[str, str]]:
    """One entry for each user; see DOCUMENTATION."""
    found: dict[str, dict[str, str]] = {}
    for student in students:
        name = str(student["name"])
        user = str(student.get("user") or slug(name))
        if not _is_user(user):
            raise AnsibleFilterError(
                f"Wanted a user name for the student {name} of at most {_LONGEST} small letters, digits and '-', and "
                "none of "
                f"Kubernetes' own namespaces, found '{user}'. Give another one as user.")
        if user in found:
            raise AnsibleFilterError(
                "Wanted a user name of one's own for each student of a cluster, found '{}' for {} and for {}. Give "
                "one of them another as user.".format(user, found[user]["name"], name))
        desired = state if state == "absent" else str(student.get("state") or "present")
        found[user] = {"user": user, "name": name, "state": desired}
    # The host says which files it has, so a name counts only if this filter could have given it
    known = {os.path.basename(path).removesuffix(".conf") for path in files}
    gone = [{"user": user, "name": user, "state": "absent"} for user in sorted(known)
            if user not in found and _is_user(user)]
    return gone + sorted(found.values(), key=lambda entry: entry["state"])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"student_users": student_users}
