# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.test.ip_network import ip_network


@pytest.mark.parametrize(("text", "expected"), [
    ("192.0.2.0/24", True), ("192.0.2.7", True), ("2001:db8::/32", True), ("2001:db8::1", True), ("0.0.0.0/0", True),
    ("192.0.2.7/24", False), ("192.0.2.0/33", False), ("utility.example.com", False), ("all", False), ("", False),
    ("192.0.2", False), ("192.0.2.0/24; allow all", False), (3221225994, False), (None, False),
])
def test_ip_network(text: Any, expected: bool) -> None:
    assert ip_network(text) is expected
