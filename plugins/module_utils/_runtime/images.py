# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the images of a container runtime and pull missing ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError
from .runtimes import CONTAINERD, CRIO

PRESENT = "present"
PULLED = "pulled"
FAILED = "failed"
MISSING = "missing"
STARTED = "started"

# Images of "kubeadm config images list" that only a control plane runs, by the last part of the name
_OF_CONTROL_PLANES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")

# Environment variables for pulling through a proxy
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Programs that load images into CRI-O, and skopeo's name of the storage that they share
CRICTL, SKOPEO = "crictl", "skopeo"
_STORAGE = "containers-storage:"

# Errors for which a second try is useless
_FINAL = re.compile(r"not found|no such host|unauthorized|denied|invalid reference|manifest unknown", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """The result for one image; `seconds` is the duration of its pull, `detail` the reason of a failure."""

    image: str
    state: str
    seconds: float = 0.0
    detail: str = ""


class Backend(Protocol):
    """The interface of a container runtime for loading images before they are needed."""

    @property
    def unable(self) -> str:
        """Return why the host cannot load images, empty if it can."""

    def present(self, references: Iterable[str]) -> set[str]:
        """Return those of the full references that the runtime has, and perhaps others.

        Raises RuntimeUnreachable.
        """

    def pull(self, reference: str) -> Completed:
        """Pull one image."""

    def start(self, reference: str) -> Completed:
        """Start to pull one image in the background and do not wait for it."""

    def explained(self, completed: Completed) -> str:
        """Return a short message from the output of a failed command."""


class RuntimeUnreachable(ClassroomError):
    """An unreachable runtime, or a missing kubeadm: perhaps it is not installed yet. `reason` is a short message."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Containerd:
    """A Backend for containerd with ctr, in the namespace of its CRI plugin.

    The plugin watches that namespace and adopts every image that is pulled into it.
    """

    socket: str
    hosts_dir: str
    timeout: float
    runner: Runner = run
    unable: str = ""

    def _command(self, *args: str) -> list[str]:
        return ["ctr", "--address", self.socket, "--namespace", "k8s.io", "images", *args]

    def _ctr(self, *args: str, timeout: float) -> Completed:
        return self.runner(self._command(*args), timeout=timeout, check=False)

    def present(self, references: Iterable[str]) -> set[str]:
        completed = self._ctr("ls", "--quiet", timeout=30)
        if completed.rc != 0:
            raise RuntimeUnreachable(
                f"containerd is unreachable: expected its images at {self.socket}, found: {_brief(completed)}. Check "
                "that containerd is installed and running ('systemctl status containerd') and that this is its socket.",
                "containerd is not reachable yet",
            )
        return set(completed.out.split())

    def pull(self, reference: str) -> Completed:
        return self._ctr(*self._pull(reference), timeout=self.timeout)

    def start(self, reference: str) -> Completed:
        return _start(
            self.runner, reference, self.timeout, self._command(*self._pull(reference)), *_proxies())

    def _pull(self, reference: str) -> tuple[str, ...]:
        # Without the directory ctr would not use the mirrors of the CRI plugin
        return ("pull", "--hosts-dir", self.hosts_dir, reference)

    def explained(self, completed: Completed) -> str:
        return _brief(completed)


@dataclass(frozen=True)
class Crio:
    """A Backend for CRI-O, which has no client: crictl if it is installed, otherwise skopeo, which shares its storage.

    Without both, images cannot be loaded, and the kubelet pulls them when it starts their pods.
    """

    socket: str
    timeout: float
    program: str
    runner: Runner = run

    def _crictl(self, *args: str) -> list[str]:
        return ["crictl", "--image-endpoint", "unix://" + self.socket, *args]

    @property
    def unable(self) -> str:
        return "" if self.program else "neither crictl nor skopeo is installed, so CRI-O pulls it when a pod needs it"

    def present(self, references: Iterable[str]) -> set[str]:
        if self.program == SKOPEO:
            return {reference for reference in references if self._has(reference)}
        completed = self.runner(self._crictl("images", "--output", "json"), timeout=30, check=False)
        if completed.rc != 0:
            raise RuntimeUnreachable(
                f"CRI-O is unreachable: expected its images at {self.socket}, found: {_brief(completed)}. Check that "
                "CRI-O is installed and running ('systemctl status crio') and that this is its socket.",
                "CRI-O is not reachable yet",
            )
        images = json.loads(completed.out).get("images", [])
        return {name for image in images for name in (*image.get("repoTags", ()), *image.get("repoDigests", ()))}

    def _has(self, reference: str) -> bool:
        """Return whether the storage has an image; skopeo cannot list the storage."""
        return self.runner(["skopeo", "inspect", "--raw", _STORAGE + reference], timeout=30, check=False).rc == 0

    def pull(self, reference: str) -> Completed:
        return self.runner(self._pull(reference), timeout=self.timeout, check=False)

    def start(self, reference: str) -> Completed:
        environment = () if self.program == CRICTL else tuple(_proxies())
        return _start(self.runner, reference, self.timeout, self._pull(reference), *environment)

    def _pull(self, reference: str) -> list[str]:
        if self.program == CRICTL:
            return self._crictl("pull", reference)
        return ["skopeo", "copy", "--quiet", "docker://" + reference, _STORAGE + reference]

    def explained(self, completed: Completed) -> str:
        return _brief(completed)


def _proxies() -> Iterator[str]:
    """Return options that pass on the proxy variables of this process, without values and so without credentials."""
    return ("--setenv=" + name for name in _PROXY if name in os.environ)


def _start(
    runner: Runner, reference: str, timeout: float, command: Sequence[str], *environment: str,
) -> Completed:
    """Start a command as a unit of systemd: it outlives the connection, logs to the journal and runs only once."""
    unit = "classroom-kubeadm-pull-" + re.sub(r"[^A-Za-z0-9.]+", "-", reference)
    return runner(
        ["systemd-run", "--quiet", "--collect", "--no-block", "--unit=" + unit,
         # Log only errors: the other output is a progress display, ten times a second
         "--property=StandardOutput=null", f"--property=RuntimeMaxSec={timeout:g}", *environment, *command],
        timeout=30, check=False,
    )


def backend_for(
    cri_socket: str, *, hosts_dir: str, timeout: float, runner: Runner = run,
    find_program: Callable[[str], str | None] = shutil.which,
) -> Backend:
    """Return the backend of the runtime at a CRI socket, by the name of the socket; raise ClassroomError for others.

    `timeout` is that of one pull, in seconds.
    """
    path = re.sub(r"^unix://", "", cri_socket)
    if path.startswith("/") and "containerd" in path:
        return Containerd(path, hosts_dir, timeout, runner)
    if path.startswith("/") and "crio" in path:
        program = next((name for name in (CRICTL, SKOPEO) if find_program(name)), "")
        return Crio(path, timeout, program, runner)
    raise ClassroomError(
        f"The container runtime is not supported: expected the socket of containerd or CRI-O, found the CRI socket "
        f"'{cri_socket}'. Set the one of containerd, usually {CONTAINERD.uri}, or that of CRI-O, {CRIO.uri}."
    )


def full_reference(reference: str) -> str:
    """Return the name of an image as runtimes store it: with its registry, and with a tag unless it has a digest."""
    first, slash, _rest = reference.partition("/")
    if not slash:
        reference = "docker.io/library/" + reference
    elif "." not in first and ":" not in first and first != "localhost":
        reference = "docker.io/" + reference
    name = reference.rpartition("/")[2]
    return reference if ":" in name or "@" in name else reference + ":latest"


def kubeadm_images(role: str, runner: Runner = run) -> list[str]:
    """Return the images that the installed kubeadm needs on a `control_plane` or a `worker`.

    The version of kubeadm is passed to it, since otherwise it would query the Internet. Raises RuntimeUnreachable if
    kubeadm is not installed, ClassroomError if it fails.
    """
    version = runner(["kubeadm", "version", "--output", "short"], timeout=30, check=False)
    listed = version
    if version.rc == 0:
        listed = runner(
            ["kubeadm", "config", "images", "list", "--kubernetes-version", version.out.strip()],
            timeout=30, check=False,
        )
    if listed.rc == 127:
        raise RuntimeUnreachable(
            "The images of kubeadm cannot be listed: expected the command kubeadm, found none. Install it first.",
            "kubeadm is not installed yet",
        )
    if listed.rc != 0:
        raise ClassroomError(
            f"The images of kubeadm cannot be listed: expected the output of 'kubeadm config images list', found: "
            f"{_brief(listed)}. Run that command to see the reason.")
    return [image for image in listed.out.split() if role == "control_plane" or not _of_control_planes(image)]


def _of_control_planes(image: str) -> bool:
    return image.rpartition("/")[2].partition(":")[0] in _OF_CONTROL_PLANES


def states(references: Iterable[str], present: set[str]) -> list[Image]:
    """Return the state of each desired image, without duplicates and in the given order."""
    desired = dict.fromkeys(full_reference(reference) for reference in references)
    return [Image(reference, PRESENT if reference in present else MISSING) for reference in desired]


def pull_missing(
    images: Sequence[Image], backend: Backend, *, parallel: int, retries: int,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Image]:
    """Pull missing images, `parallel` at a time, with `retries` retries each; a failure does not stop the others."""

    def settled(image: Image) -> Image:
        return image if image.state == PRESENT else _pull(image.image, backend, retries, sleep)

    with ThreadPoolExecutor(max_workers=max(parallel, 1)) as pool:
        return list(pool.map(settled, images))


def start_missing(images: Sequence[Image], backend: Backend) -> list[Image]:
    """Start to pull all missing images in the background at the same time."""

    def started(image: Image) -> Image:
        if image.state == PRESENT:
            return image
        completed = backend.start(image.image)
        # Not an error: an earlier call has started the pull, which is still running
        if completed.rc == 0 or "already loaded" in completed.err or "already exists" in completed.err:
            return Image(image.image, STARTED)
        return Image(image.image, FAILED, detail=backend.explained(completed))

    return [started(image) for image in images]


def failures(images: Sequence[Image]) -> str:
    """Return one message about all images that could not be pulled, empty if there are none."""
    failed = [image for image in images if image.state == FAILED]
    if not failed:
        return ""
    text = "Images are missing: expected {} images in the runtime, found that {} of them could not be pulled:\n{}\n{}"
    return text.format(
        len(images), len(failed), "\n".join(f"- {image.image}: {image.detail}" for image in failed),
        "Check that the registry or its mirror has them and is reachable from this host, then run again. The other "
        "images are present.",
    )


def _pull(reference: str, backend: Backend, retries: int, sleep: Callable[[float], None]) -> Image:
    begin = time.monotonic()
    tries = 0
    while True:
        completed = backend.pull(reference)
        tries += 1
        seconds = round(time.monotonic() - begin, 1)
        if completed.rc == 0:
            return Image(reference, PULLED, seconds)
        if tries > retries or _FINAL.search(completed.err):
            detail = backend.explained(completed)
            return Image(reference, FAILED, seconds, detail if tries == 1 else f"{detail} ({tries} tries)")
        sleep(min(2.0**tries / 2, 8))


def _brief(completed: Completed) -> str:
    """Return the last line of the output without the prefix of ctr; the lines before it only show the progress."""
    lines = [line.strip() for line in completed.text.splitlines() if line.strip() and "stack trace" not in line]
    return re.sub(r"^ctr: ", "", lines[-1]).rstrip(".") if lines else f"exit status {completed.rc}"
