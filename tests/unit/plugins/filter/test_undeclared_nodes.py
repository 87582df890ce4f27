# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.filter.undeclared_nodes import undeclared_nodes
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node import ANNOTATION, declared_part
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata_plan import spec_from

SSD: dict[str, Any] = {"name": "node1", "labels": {"disk": "ssd"}}
DEDICATED: dict[str, Any] = {"key": "dedicated", "effect": "NoSchedule", "value": "storage"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}


def node(labels: dict[str, str], declared: dict[str, Any], *taints: dict[str, str]) -> dict[str, Any]:
    """A Node as kubeadm_join hands it on."""
    annotations = {"node.alpha.kubernetes.io/ttl": "0"}
    if declared:
        annotations[ANNOTATION] = spec_from({"name": "node1", **declared}).declared.as_text()
    metadata = {"name": "node1", "uid": "8", "labels": labels, "annotations": annotations}
    return declared_part({"metadata": metadata, "spec": {"taints": list(taints), "podCIDR": "10.244.1.0/24"}})


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (SSD, node({"disk": "ssd", "zone": "a"}, SSD)),
        ({"name": "node1"}, node({"zone": "a"}, {}, NOT_READY)),
        ({"name": "node1", "labels": {}, "taints": [DEDICATED]}, node({}, {"taints": [DEDICATED]}, DEDICATED)),
        # A label that YAML read as a number or a truth
        ({"name": "node1", "labels": {"gpu": True}}, node({"gpu": "true"}, {"labels": {"gpu": True}})),
    ],
)
def test_a_node_that_is_as_declared_is_left_out(entry: dict[str, Any], found: dict[str, Any]) -> None:
    assert undeclared_nodes([{**entry, "node": found}]) == []


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (SSD, node({"disk": "hdd"}, SSD)),
        (SSD, node({}, SSD)),
        # Somebody else's label is not yet remembered as declared
        (SSD, node({"disk": "ssd"}, {})),
        # Formerly declared, so it is to be taken away
        ({"name": "node1"}, node({"disk": "ssd"}, SSD)),
        ({"name": "node1", "taints": [DEDICATED]}, node({}, {"taints": [DEDICATED]})),
        ({"name": "node1"}, node({}, {"taints": [DEDICATED]}, DEDICATED)),
        # Not known: it did not join yet, or its join was not part of the run
        (SSD, None),
        (SSD, {}),
        # The module refuses these
        ({"name": "node1", "labels": {"no key": "x"}}, node({}, {})),
        ({"name": "node1", "labels": "disk"}, node({}, {})),
        ({"name": "node1", "taints": [{"key": "dedicated"}]}, node({}, {})),
    ],
)
def test_a_node_that_differs_or_is_not_known_stays(entry: dict[str, Any], found: dict[str, Any] | None) -> None:
    assert undeclared_nodes([{**entry, "node": found}]) == [entry]


def test_only_the_nodes_that_differ_stay_of_several() -> None:
    entries = [
        {**SSD, "node": node({"disk": "ssd"}, SSD)},
        {"name": "node2", "labels": {}, "taints": []},
    ]

    assert undeclared_nodes(entries) == [{"name": "node2", "labels": {}, "taints": []}]
