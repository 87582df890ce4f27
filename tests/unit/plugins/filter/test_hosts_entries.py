# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.filter.hosts_entries import hosts_entries


@pytest.mark.parametrize(
    ("name", "fqdn", "names"),
    [
        ("master", "", ["master"]),
        ("master", "master.example.com", ["master.example.com", "master"]),
        ("node2.school.example", "node2.school.example", ["node2.school.example", "node2"]),
    ],
)
def test_hosts_file_has_the_full_name_first(name: str, fqdn: str, names: list[str]) -> None:
    [line] = hosts_entries([{"name": name, "fqdn": fqdn, "address": "192.0.2.1"}])
    assert line == {"address": "192.0.2.1", "names": names}
