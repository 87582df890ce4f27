# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats.dns_names import (
    is_dns_label,
    is_dns_subdomain,
)


@pytest.mark.parametrize(("name", "label", "subdomain"), [
    ("node1", True, True), ("a", True, True), ("1-a", True, True), ("a" * 63, True, True),
    ("a" * 64, False, False), ("", False, False), ("Node1", False, False), ("-a", False, False), ("a-", False, False),
    ("a_b", False, False), ("a/b", False, False), ("a\n", False, False), ("ä", False, False),
    ("node1.example.com", False, True), (".".join(["a" * 63] * 3 + ["a" * 61]), False, True),
    (".".join(["a" * 63] * 3 + ["a" * 62]), False, False), ("a..b", False, False), (".a", False, False),
])
def test_dns_names(name: str, label: bool, subdomain: bool) -> None:
    assert (is_dns_label(name), is_dns_subdomain(name)) == (label, subdomain)


@pytest.mark.parametrize(("name", "valid"), [
    ("a", True), ("student-1", True), ("a" * 63, True), ("0", True),
    ("", False), ("a" * 64, False), ("-a", False), ("a-", False), ("A", False), ("a.b", False), ("a_b", False),
    ("..", False), ("../a", False), ("../../../../site", False), ("a/b", False), ("a\n", False), ("\u0430", False),
])
def test_a_label_is_the_name_of_a_file(name: str, valid: bool) -> None:
    """Names that hosts report become file names on the controller only in this form."""
    assert is_dns_label(name) is valid
