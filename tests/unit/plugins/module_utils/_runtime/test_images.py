# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime.images import (
    Containerd,
    Image,
    RuntimeUnreachable,
    backend_for,
    failures,
    full_reference,
    kubeadm_images,
    pull_missing,
    start_missing,
    states,
)

PAUSE = "registry.k8s.io/pause:3.10.2"
SOCKET = "unix:///run/containerd/containerd.sock"
NOT_FOUND = Completed(1, "progress\n", f"ctr: failed to resolve image: {PAUSE}: not found\n")
REFUSED = Completed(1, "", 'level=warning msg="old"\nctr: failed to do request: dial tcp: connection refused\n')
PULLED = Completed(0, "done\n", "")


class Ctr:
    """Answers pulls by the last word of the command, one answer after the other."""

    def __init__(self, answers: Mapping[str, Sequence[Completed]]) -> None:
        self.answers = {name: list(found) for name, found in answers.items()}
        self.calls: list[list[str]] = []
        self._lock = threading.Lock()

    def __call__(self, argv: Sequence[str], **_options: Any) -> Completed:
        with self._lock:
            self.calls.append(list(argv))
            found = self.answers[argv[-1]]
            return found.pop(0) if len(found) > 1 else found[0]

    def backend(self) -> Any:
        return backend_for(SOCKET, hosts_dir="/etc/containerd/certs.d", timeout=60, runner=self)


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("course/app", "docker.io/course/app:latest"),
        (PAUSE, PAUSE),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("localhost/app:1", "localhost/app:1"),
        ("ghcr.io/a/b@sha256:" + "0" * 64, "ghcr.io/a/b@sha256:" + "0" * 64),
    ],
)
def test_a_reference_is_completed_as_runtimes_do(reference: str, full: str) -> None:
    assert full_reference(reference) == full


def test_images_are_named_once() -> None:
    assert states(["nginx", "docker.io/library/nginx:latest", PAUSE], {PAUSE}) == [
        Image("docker.io/library/nginx:latest", "missing"), Image(PAUSE, "present"),
    ]


def test_containerd_is_asked_in_the_namespace_of_kubernetes() -> None:
    ctr = Ctr({"--quiet": [Completed(0, "a:1\nsha256:0\nb:2\n", "")], PAUSE: [PULLED]})

    assert ctr.backend().present([]) == {"a:1", "sha256:0", "b:2"}
    ctr.backend().pull(PAUSE)

    prefix = ["ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io", "images"]
    assert ctr.calls == [
        [*prefix, "ls", "--quiet"], [*prefix, "pull", "--hosts-dir", "/etc/containerd/certs.d", PAUSE],
    ]


@pytest.mark.parametrize("socket", ["unix:///var/run/docker.sock", "", "unix://", "npipe:////./containerd"])
def test_another_socket_is_refused(socket: str) -> None:
    with pytest.raises(ClassroomError, match=r"containerd\.sock"):
        backend_for(socket, hosts_dir="", timeout=1)


def test_a_socket_may_be_a_path() -> None:
    backend = backend_for("/run/k3s/containerd/containerd.sock", hosts_dir="d", timeout=1)

    assert isinstance(backend, Containerd) and backend.socket == "/run/k3s/containerd/containerd.sock"


@pytest.mark.parametrize("code", [1, 127])
def test_a_runtime_that_does_not_answer_is_told(code: int) -> None:
    ctr = Ctr({"--quiet": [Completed(code, "", "ctr: cannot access socket: no such file or directory\n")]})

    with pytest.raises(RuntimeUnreachable, match="systemctl status containerd"):
        ctr.backend().present([])


def pulled(ctr: Ctr, *references: str, retries: int = 2) -> list[Image]:
    waits: list[float] = []
    images = [Image(reference, "missing") for reference in references]
    found = pull_missing(images, ctr.backend(), parallel=3, retries=retries, sleep=waits.append)
    assert waits == sorted(waits)
    return found


def test_one_failing_image_stops_no_other() -> None:
    ctr = Ctr({"a:1": [PULLED], "b:1": [NOT_FOUND], "c:1": [PULLED]})

    images = pulled(ctr, "a:1", "b:1", "c:1")

    assert [image.state for image in images] == ["pulled", "failed", "pulled"]
    assert "1 of them could not be pulled" in failures(images)
    assert "b:1: failed to resolve image" in failures(images)
    assert len(ctr.calls) == 3


@pytest.mark.parametrize(
    ("answers", "retries", "state", "calls"),
    [
        ([REFUSED, REFUSED, PULLED], 2, "pulled", 3),
        ([REFUSED], 2, "failed", 3),
        ([REFUSED], 0, "failed", 1),
        ([NOT_FOUND], 5, "failed", 1),
    ],
)
def test_only_what_may_pass_is_tried_again(answers: list[Completed], retries: int, state: str, calls: int) -> None:
    ctr = Ctr({PAUSE: answers})

    image = pulled(ctr, PAUSE, retries=retries)[0]

    assert (image.state, len(ctr.calls)) == (state, calls)
    assert (f"({calls} tries)" in image.detail) is (state == "failed" and calls > 1)


def test_what_is_there_is_not_pulled() -> None:
    ctr = Ctr({})

    assert pull_missing([Image(PAUSE, "present")], ctr.backend(), parallel=0, retries=0) == [Image(PAUSE, "present")]
    assert failures([Image(PAUSE, "present")]) == ""


def test_kubeadm_is_asked_for_its_own_version() -> None:
    ctr = Ctr({"short": [Completed(0, "v1.36.3\n", "")], "v1.36.3": [Completed(0, PAUSE + "\nb:1\n", "")]})

    assert kubeadm_images("control_plane", ctr) == [PAUSE, "b:1"]


def test_a_worker_needs_nothing_of_a_control_plane() -> None:
    names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns/coredns", "pause",
             "etcd"]
    listed = [f"registry.k8s.io/{name}:v1" for name in names]
    ctr = Ctr({"short": [Completed(0, "v1.36.3\n", "")], "v1.36.3": [Completed(0, "\n".join(listed), "")]})

    assert kubeadm_images("worker", ctr) == [listed[3], listed[4], listed[5]]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Completed(0, "", ""), "started"),
        (Completed(1, "", "Failed to start transient service unit: Unit x.service was already loaded\n"), "started"),
        (Completed(127, "", "systemd-run: command not found"), "failed"),
    ],
)
def test_a_pull_in_the_background_is_a_unit(answer: Completed, state: str) -> None:
    ctr = Ctr({PAUSE: [answer]})

    found = start_missing([Image(PAUSE, "missing"), Image("b:1", "present")], ctr.backend())

    assert [image.state for image in found] == [state, "present"]
    assert "--unit=classroom-kubeadm-pull-registry.k8s.io-pause-3.10.2" in ctr.calls[0]
    assert ctr.calls[0][-4:] == ["pull", "--hosts-dir", "/etc/containerd/certs.d", PAUSE]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Completed(127, "", "kubeadm: command not found"), RuntimeUnreachable, "Install it first"),
        (Completed(1, "", "could not parse\nTo see the stack trace of this error execute with --v=5\n"),
         ClassroomError, "could not parse. Run"),
    ],
)
def test_a_kubeadm_that_does_not_answer_is_told(answer: Completed, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        kubeadm_images("worker", Ctr({"short": [answer]}))


CRIO = "unix:///run/crio/crio.sock"


def crio(program: str, runner: Any) -> Any:
    return backend_for(CRIO, hosts_dir="", timeout=60, runner=runner, find_program={program: program}.get)


def test_crio_with_crictl() -> None:
    listed = Completed(0, json.dumps({"images": [{"repoTags": [PAUSE], "repoDigests": ["x@sha256:1"]}]}), "")
    ctr = Ctr({"json": [listed], PAUSE: [PULLED]})
    backend = crio("crictl", ctr)
    assert backend.unable == "" and backend.present([]) == {PAUSE, "x@sha256:1"} and backend.pull(PAUSE) == PULLED
    assert [call[:3] for call in ctr.calls] == [["crictl", "--image-endpoint", CRIO]] * 2


def test_crio_with_skopeo() -> None:
    ctr = Ctr({"containers-storage:" + PAUSE: [PULLED, PULLED, PULLED], "containers-storage:other:1": [NOT_FOUND]})
    backend = crio("skopeo", ctr)
    assert backend.present([PAUSE, "other:1"]) == {PAUSE} and backend.pull(PAUSE) == PULLED
    assert ctr.calls[-1] == ["skopeo", "copy", "--quiet", "docker://" + PAUSE, "containers-storage:" + PAUSE]
    assert backend.start(PAUSE) == PULLED and ctr.calls[-1][0] == "systemd-run" and ctr.calls[-1][-5:] == ctr.calls[-2]


def test_crio_with_neither() -> None:
    assert "neither crictl nor skopeo" in crio("", Ctr({})).unable


def test_a_crio_that_does_not_answer_is_told() -> None:
    silent = Completed(1, "", "FATA[0000] validate service connection: connection refused")
    with pytest.raises(RuntimeUnreachable, match="systemctl status crio"):
        crio("crictl", Ctr({"json": [silent]})).present([])
