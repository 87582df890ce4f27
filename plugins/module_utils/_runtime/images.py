# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of a container runtime: which are there, and fetching those that are not."""

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

PRESENT = "present"
PULLED = "pulled"
FAILED = "failed"
MISSING = "missing"
STARTED = "started"

# What kubeadm lists and only a control plane runs, by the last part of the name ("kubeadm config images list")
_OF_CONTROL_PLANES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")

# Whether and how an image is fetched through a proxy
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Programs that load images into CRI-O, and how skopeo calls the storage that they share
CRICTL, SKOPEO = "crictl", "skopeo"
_STORAGE = "containers-storage:"

# Complaints that a second try cannot cure
_FINAL = re.compile(r"not found|no such host|unauthorized|denied|invalid reference|manifest unknown", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """What became of one image."""

    image: str
    state: str
    seconds: float = 0.0
    detail: str = ""


class Backend(Protocol):
    """What a container runtime has to offer to have images loaded before they are needed."""

    @property
    def unable(self) -> str:
        """Why no image can be loaded with what the machine has; empty when it can."""

    def present(self, references: Iterable[str]) -> set[str]:
        """Those of the full references that containers can be made from, and perhaps others."""

    def pull(self, reference: str) -> Completed:
        """Fetch one image."""

    def start(self, reference: str) -> Completed:
        """Have one image fetched while others go on; asks for no end."""

    def explained(self, completed: Completed) -> str:
        """One sentence out of the runtime's complaint."""


class RuntimeUnreachable(ClassroomError):
    """The runtime, or kubeadm, does not answer: perhaps it is not installed yet. `reason` says so in short."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Containerd:
    """containerd through ctr, in the namespace of its CRI plugin.

    The plugin takes over what is pulled into that namespace: it hears of every new image and makes it its own.
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
                f"Wanted the images of containerd at {self.socket}, found: {_brief(completed)}; see that containerd is "
                "installed and running "
                "('systemctl status containerd') and that this is its socket.",
                "containerd does not answer yet",
            )
        return set(completed.out.split())

    def pull(self, reference: str) -> Completed:
        return self._ctr(*self._pull(reference), timeout=self.timeout)

    def start(self, reference: str) -> Completed:
        return _start(
            self.runner, reference, self.timeout, self._command(*self._pull(reference)), *_proxies())

    def _pull(self, reference: str) -> tuple[str, ...]:
        # Without the directory ctr would go past the mirrors that the CRI plugin uses
        return ("pull", "--hosts-dir", self.hosts_dir, reference)

    def explained(self, completed: Completed) -> str:
        return _brief(completed)


@dataclass(frozen=True)
class Crio:
    """CRI-O through crictl where it is, else through skopeo, which shares its storage; it has no program of its own.

    With neither, nothing is there to load images with, and the kubelet pulls them when their pods come.
    """

    socket: str
    timeout: float
    program: str
    runner: Runner = run

    def _crictl(self, *args: str) -> list[str]:
        return ["crictl", "--image-endpoint", "unix://" + self.socket, *args]

    @property
    def unable(self) -> str:
        return "" if self.program else "neither crictl nor skopeo is installed, so CRI-O gets it when a pod wants it"

    def present(self, references: Iterable[str]) -> set[str]:
        if self.program == SKOPEO:
            return {reference for reference in references if self._has(reference)}
        completed = self.runner(self._crictl("images", "--output", "json"), timeout=30, check=False)
        if completed.rc != 0:
            raise RuntimeUnreachable(
                f"Wanted the images of CRI-O at {self.socket}, found: {_brief(completed)}; see that CRI-O is installed "
                "and running "
                "('systemctl status crio') and that this is its socket.",
                "CRI-O does not answer yet",
            )
        images = json.loads(completed.out).get("images", [])
        return {name for image in images for name in (*image.get("repoTags", ()), *image.get("repoDigests", ()))}

    def _has(self, reference: str) -> bool:
        """skopeo lists no storage, it answers for one image."""
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
    """Without a value: the caller's own, and no login on a command line."""
    return ("--setenv=" + name for name in _PROXY if name in os.environ)


def _start(
    runner: Runner, reference: str, timeout: float, command: Sequence[str], *environment: str,
) -> Completed:
    """A unit and not a child: it outlives the connection, its words are in the journal, and it is never there twice."""
    unit = "classroom-kubeadm-pull-" + re.sub(r"[^A-Za-z0-9.]+", "-", reference)
    return runner(
        ["systemd-run", "--quiet", "--collect", "--no-block", "--unit=" + unit,
         # Of its output only complaints: the rest is a picture of its progress, ten times a second
         "--property=StandardOutput=null", f"--property=RuntimeMaxSec={timeout:g}", *environment, *command],
        timeout=30, check=False,
    )


def backend_for(
    cri_socket: str, *, hosts_dir: str, timeout: float, runner: Runner = run,
    find_program: Callable[[str], str | None] = shutil.which,
) -> Backend:
    """The backend of the runtime that listens at a CRI socket, told by the socket's name."""
    path = re.sub(r"^unix://", "", cri_socket)
    if path.startswith("/") and "containerd" in path:
        return Containerd(path, hosts_dir, timeout, runner)
    if path.startswith("/") and "crio" in path:
        program = next((name for name in (CRICTL, SKOPEO) if find_program(name)), "")
        return Crio(path, timeout, program, runner)
    raise ClassroomError(
        f"Wanted a container runtime that images can be loaded into, found the CRI socket '{cri_socket}'; give "
        "containerd's, "
        "usually unix:///run/containerd/containerd.sock, or CRI-O's, unix:///run/crio/crio.sock."
    )


def full_reference(reference: str) -> str:
    """An image's name as runtimes store it: with its registry, and with a tag unless a digest is named."""
    first, slash, _rest = reference.partition("/")
    if not slash:
        reference = "docker.io/library/" + reference
    elif "." not in first and ":" not in first and first != "localhost":
        reference = "docker.io/" + reference
    name = reference.rpartition("/")[2]
    return reference if ":" in name or "@" in name else reference + ":latest"


def kubeadm_images(role: str, runner: Runner = run) -> list[str]:
    """The images that the installed kubeadm will want on a `control_plane` or a `worker`.

    Of its own version: without one it would ask the Internet.
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
            "Wanted the list of images that kubeadm needs, found no command kubeadm; install it first.",
            "kubeadm is not there yet",
        )
    if listed.rc != 0:
        raise ClassroomError(
            f"Wanted the list of images that kubeadm needs, found: {_brief(listed)}; see what 'kubeadm config images "
            "list' says."

        )
    return [image for image in listed.out.split() if role == "control_plane" or not _of_control_planes(image)]


def _of_control_planes(image: str) -> bool:
    return image.rpartition("/")[2].partition(":")[0] in _OF_CONTROL_PLANES


def states(references: Iterable[str], present: set[str]) -> list[Image]:
    """Which of the wished images are there, each named once and in the given order."""
    desired = dict.fromkeys(full_reference(reference) for reference in references)
    return [Image(reference, PRESENT if reference in present else MISSING) for reference in desired]


def pull_missing(
    images: Sequence[Image], backend: Backend, *, parallel: int, retries: int,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Image]:
    """Pull what is missing, several at a time; one that fails stops no other."""

    def settled(image: Image) -> Image:
        return image if image.state == PRESENT else _pull(image.image, backend, retries, sleep)

    with ThreadPoolExecutor(max_workers=max(parallel, 1)) as pool:
        return list(pool.map(settled, images))


def start_missing(images: Sequence[Image], backend: Backend) -> list[Image]:
    """Have what is missing fetched by itself, all of it at once."""

    def started(image: Image) -> Image:
        if image.state == PRESENT:
            return image
        completed = backend.start(image.image)
        # Not an error: an earlier call began it, and it is still under way
        if completed.rc == 0 or "already loaded" in completed.err or "already exists" in completed.err:
            return Image(image.image, STARTED)
        return Image(image.image, FAILED, detail=backend.explained(completed))

    return [started(image) for image in images]


def failures(images: Sequence[Image]) -> str:
    """One message about all images that could not be pulled; empty if there are none."""
    failed = [image for image in images if image.state == FAILED]
    if not failed:
        return ""
    return "Wanted {} images in the runtime, could not pull {} of them:\n{}\n{}".format(
        len(images), len(failed), "\n".join(f"- {image.image}: {image.detail}" for image in failed),
        "See that the registry or its mirror has them and can be reached from this machine, then run again; "
        "the others are there already.",
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
    """The last line of a complaint without the program's own prefix: before it comes only progress."""
    lines = [line.strip() for line in completed.text.splitlines() if line.strip() and "stack trace" not in line]
    return re.sub(r"^ctr: ", "", lines[-1]).rstrip(".") if lines else f"exit status {completed.rc}"
