# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runtime a machine has, and which it cannot be given."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime.runtimes import (
    CONTAINERD,
    CRIO,
    RuntimeSpec,
    ambiguity,
    kubelets_socket,
    owner_of,
    problems,
)

CONTAINERDS, CRIOS = "unix://" + CONTAINERD.socket, "unix://" + CRIO.socket


@pytest.mark.parametrize(("name", "text", "expected"), [
    ("instance-config.yaml", 'apiVersion: v1\ncontainerRuntimeEndpoint: "unix:///run/crio/crio.sock"\n', CRIO.socket),
    ("config.yaml", "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n", CRIO.socket),
    ("config.yaml", 'containerRuntimeEndpoint: ""\n', ""),
    ("kubeadm-flags.env", f'KUBELET_KUBEADM_ARGS="--v=2 --container-runtime-endpoint={CONTAINERDS}"\n',
     CONTAINERD.socket),
    ("kubeadm-flags.env", 'KUBELET_KUBEADM_ARGS="--v=2"\n', ""),
    ("nothing", "", ""),
])
def test_the_socket_of_the_kubelet(machine: Any, name: str, text: str, expected: str) -> None:
    machine.write("/var/lib/kubelet/" + name, text)
    assert kubelets_socket(machine.root) == expected


def test_the_newest_way_to_say_it_wins(machine: Any) -> None:
    machine.write("/var/lib/kubelet/instance-config.yaml", f"containerRuntimeEndpoint: {CRIOS}\n")
    machine.write("/var/lib/kubelet/config.yaml", f"containerRuntimeEndpoint: {CONTAINERDS}\n")
    assert kubelets_socket(machine.root) == CRIO.socket


@pytest.mark.parametrize(("socket", "title"), [
    (CONTAINERDS, "containerd"), (CRIO.socket, "CRI-O"), ("unix:///var/run/crio/crio.sock", "CRI-O"),
    ("unix:///run/own.sock", None), ("", None),
])
def test_whose_socket_it_is(socket: str, title: str | None) -> None:
    owner = owner_of(socket)
    assert (owner.title if owner else None) == title


@pytest.mark.parametrize(("spec", "kubelets"), [
    (RuntimeSpec("crio", CRIOS, "", "1.36.3"), ""),
    (RuntimeSpec("crio", CRIOS, "1.36", "1.36.3"), CRIO.socket),
    (RuntimeSpec("crio", CRIOS, "1.36.1", "1.36.3"), ""),
    # Nobody's socket that is known: somebody means it
    (RuntimeSpec("crio", "unix:///run/own.sock", "", "1.36.3"), ""),
    (RuntimeSpec("containerd", CONTAINERDS, "", "1.36.3"), CONTAINERD.socket),
    (RuntimeSpec("containerd", CONTAINERDS), "/run/cri-dockerd.sock"),
])
def test_what_a_host_can_have(spec: RuntimeSpec, kubelets: str) -> None:
    assert list(problems(spec, kubelets)) == []


@pytest.mark.parametrize(("spec", "kubelets", "words"), [
    (RuntimeSpec("crio", CONTAINERDS), "", (
        "expected the container runtime CRI-O", CONTAINERDS, "which is containerd's", "Leave cluster_cri_socket out")),
    (RuntimeSpec("containerd", CRIOS), "", ("expected the container runtime containerd", CRIOS, "which is CRI-O's")),
    (RuntimeSpec("crio", CRIOS), CONTAINERD.socket, (
        "found this host in a cluster with containerd", "by renew.yml")),
    (RuntimeSpec("containerd", CONTAINERDS), CRIO.socket, ("found this host in a cluster with CRI-O",)),
    (RuntimeSpec("crio", CRIOS, "1.35.2", "1.36.3"), "", (
        "expected CRI-O 1.36, as Kubernetes 1.36.3 needs it, found 1.35.2", "leave crio_version empty")),
    (RuntimeSpec("crio", CRIOS, "1.3", "1.36.3"), "", ("found 1.3 (crio_version)",)),
])
def test_what_a_host_is_refused(spec: RuntimeSpec, kubelets: str, words: tuple[str, ...]) -> None:
    [sentence] = problems(spec, kubelets)
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize("answering", [[], [CONTAINERD.socket], [CRIO.socket], [CRIO.socket, "/run/cri-dockerd.sock"]])
def test_one_runtime_is_no_question(answering: list[str]) -> None:
    assert ambiguity(answering) == ""


def test_two_runtimes_are_a_question() -> None:
    sentence = ambiguity([CRIO.socket, CONTAINERD.socket])
    assert "found containerd (/run/containerd/containerd.sock) and CRI-O (/run/crio/crio.sock) running" in sentence
    assert "no socket chosen" in sentence and "systemctl disable --now containerd.service" in sentence
