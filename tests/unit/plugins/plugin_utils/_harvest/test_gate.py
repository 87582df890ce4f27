# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as not harvested, whatever a host answers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._harvest.gate import missing

NOTHING: dict[str, Any] = {"missing": []}
UNKNOWN_FILES = "master: it did not say whether the files were harvested"
UNKNOWN_OBJECTS = "master: it did not say whether the objects of its cluster were harvested"


def result(**given: Any) -> dict[str, Any]:
    """What a host has registered, of which nothing is missing unless `files` or `objects` are given."""
    files, objects = given.pop("files", NOTHING), given.pop("objects", NOTHING)
    return {"harvest_files_result": files, "harvest_objects_result": objects, **given}


@pytest.mark.parametrize(("master", "found"), [
    (result(), []),
    (result(files={"missing": ["/root/a cannot be read."]}), ["master: /root/a cannot be read"]),
    (result(objects={"missing": ["The objects were not harvested."]}), ["master: The objects were not harvested"]),
    (result(_reset_harvest_failure="Too much,\nfound 1.2 GiB."), ["master: Too much, found 1.2 GiB"]),
    (result(files=None), [UNKNOWN_FILES]),
    (result(files={}, objects={"missing": "none"}), [UNKNOWN_FILES, UNKNOWN_OBJECTS]),
    (result(objects={"missing": 0}), [UNKNOWN_OBJECTS]),
    (result(objects={"skipped": True}), [UNKNOWN_OBJECTS]),
    (result(files=["missing"]), [UNKNOWN_FILES]),
    ({}, [UNKNOWN_FILES, UNKNOWN_OBJECTS]),
    (result(files={"missing": [3, {"a": 1}]}), ["master: 3", "master: {'a': 1}"]),
])
def test_one_host(master: dict[str, Any], found: list[str]) -> None:
    assert missing({"master": master}, ["master"], ["master"], "master") == found


def test_a_worker_has_no_objects_and_others_clusters_do_not_count() -> None:
    variables = {"master": result(), "node1": {"harvest_files_result": NOTHING}, "other": {}}
    assert missing(variables, ["master", "node1"], ["master", "node1"], "master") == []


def test_an_unreachable_host_counts_as_not_harvested() -> None:
    variables = {"master": result(), "node1": {"harvest_files_result": NOTHING}}
    [message] = missing(variables, ["master", "node1"], ["master"], "master")
    assert message.startswith("node1: it was not reached")


def test_the_message_has_an_end() -> None:
    files = {"missing": ["x" * 100_000] * 1000}
    said = missing({"node1": {"harvest_files_result": files}}, ["node1"], ["node1"], "master")
    assert len(said) == 11 and said[-1] == "node1: and 990 more" and max(map(len, said)) < 600
