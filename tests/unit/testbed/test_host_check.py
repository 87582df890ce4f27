# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from testbed.host_check import DISK, INOTIFY, MEMORY, Host, basic_complaints, complaints

GOOD = Host(overlay=True, bridge_netfilter=True, firewall=True, memory=MEMORY, disk=DISK, inotify=INOTIFY)


def test_a_good_host_has_no_complaints() -> None:
    assert complaints(GOOD) == []
    assert basic_complaints(True, []) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overlay": False}, "overlay"),
        ({"bridge_netfilter": False}, "br_netfilter"),
        ({"firewall": False}, "nat table"),
        ({"memory": MEMORY // 2}, "4 hosts of a cluster need 6.0 GiB of memory, 3.0 GiB are free"),
        ({"disk": DISK // 2}, "need, with their images, 10.0 GiB of disk, 5.0 GiB are free"),
        ({"inotify": INOTIFY - 1}, "need 72 inotify instances, 71 are free. Remove other labs, or allow more: sysctl"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(change: dict[str, Any], words: str) -> None:
    (sentence,) = complaints(replace(GOOD, **change))
    assert words in sentence


def test_a_host_that_is_started_again_wants_a_part_of_it() -> None:
    small = replace(GOOD, memory=MEMORY // 4, disk=DISK // 4, inotify=INOTIFY // 4)
    assert complaints(small, machines=1) == [] and len(complaints(small)) == 3
    (sentence,) = complaints(replace(small, inotify=1), machines=1)
    assert "A host of a cluster needs 18 inotify instances, 1 are free" in sentence


def test_programs_are_named_by_their_packages_once() -> None:
    (sentence,) = basic_complaints(True, ["podman", "openssh-client", "openssh-client"])
    assert sentence.endswith("apt-get install openssh-client podman")


def test_root_and_programs_are_asked_for_together() -> None:
    assert len(basic_complaints(False, ["podman"])) == 2
