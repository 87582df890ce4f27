# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container runtimes that kubeadm knows, those of them that this collection installs, and that of a kubelet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root, read_text

_KUBELET = "/var/lib/kubelet/"
# Files in which kubeadm records the runtime of the kubelet, the newest format first
_CONFIGURATIONS = (_KUBELET + "instance-config.yaml", _KUBELET + "config.yaml")
_FLAGS = _KUBELET + "kubeadm-flags.env"
_FLAG = "--container-runtime-endpoint="
_SCHEME = "unix://"


@dataclass(frozen=True)
class Runtime:
    """A runtime: its value of `cluster_runtime`, its title in messages, its socket and its unit."""

    name: str
    title: str
    socket: str
    unit: str

    @property
    def uri(self) -> str:
        """Return the CRI socket as a URL, the form of kubeadm's options."""
        return _SCHEME + self.socket


CONTAINERD = Runtime("containerd", "containerd", "/run/containerd/containerd.sock", "containerd.service")
CRIO = Runtime("crio", "CRI-O", "/run/crio/crio.sock", "crio.service")
# Known to kubeadm, not installed by this collection. Source: "Container Runtimes" in the documentation of Kubernetes
CRI_DOCKERD = Runtime("cri-dockerd", "cri-dockerd", "/run/cri-dockerd.sock", "cri-docker.service")
RUNTIMES = {runtime.name: runtime for runtime in (CONTAINERD, CRIO)}
# The units of all runtimes by their sockets
UNITS = {runtime.socket: runtime.unit for runtime in (CONTAINERD, CRIO, CRI_DOCKERD)}


@dataclass(frozen=True)
class RuntimeSpec:
    """The desired runtime of a host: its name, its socket and its release (empty: that of Kubernetes)."""

    name: str
    socket: str = ""
    version: str = ""
    kubernetes: str = ""


def socket_path(uri: str) -> str:
    """Return the path of a socket without its scheme, and with /run for its alias /var/run."""
    path = uri[len(_SCHEME):] if uri.startswith(_SCHEME) else uri
    return "/run/" + path[len("/var/run/"):] if path.startswith("/var/run/") else path


def owner_of(socket: str) -> Runtime | None:
    """Return the runtime of a socket, None for an unknown socket."""
    path = socket_path(socket)
    return next((runtime for runtime in RUNTIMES.values() if runtime.socket == path), None)


def kubelets_socket(root: Root) -> str:
    """Return the socket that kubeadm has recorded for the kubelet of this host, empty if there is none."""
    for path in _CONFIGURATIONS:
        for line in _readable(root(path)).splitlines():
            key, _colon, value = line.partition(":")
            if key == "containerRuntimeEndpoint" and value.strip().strip("\"'"):
                return socket_path(value.strip().strip("\"'"))
    for word in _readable(root(_FLAGS)).replace('"', " ").split():
        if word.startswith(_FLAG):
            return socket_path(word[len(_FLAG):])
    return ""


def _readable(path: str) -> str:
    try:
        return read_text(path) or ""
    except ClassroomError:
        return ""


def problems(spec: RuntimeSpec, kubelets: str) -> Iterator[str]:
    """Yield a message for each reason why a host cannot have this runtime; `kubelets` is the socket of its kubelet."""
    runtime = RUNTIMES[spec.name]
    named = owner_of(spec.socket)
    if spec.socket and named not in (None, runtime):
        yield (f"The CRI socket does not match the runtime: expected the container runtime {runtime.title} "
               f"(cluster_runtime), found the socket {spec.socket} for it, which is {_title(named)}'s. Leave "
               "cluster_cri_socket out, or choose that runtime.")
    present = owner_of(kubelets)
    if present not in (None, runtime):
        yield (f"The runtime of a node cannot be changed: expected the container runtime {runtime.title} "
               f"(cluster_runtime), found this host in a cluster with {_title(present)}. Change it by renew.yml, "
               "which resets the host and installs it again; set cluster_runtime back until then.")
    minor = ".".join(spec.kubernetes.split(".")[:2])
    if runtime is CRIO and spec.version and minor and ".".join(spec.version.split(".")[:2]) != minor:
        yield (f"The release of CRI-O does not match Kubernetes: expected CRI-O {minor}, as Kubernetes "
               f"{spec.kubernetes} needs it, found {spec.version} (crio_version). Choose a release of CRI-O {minor}, "
               "or leave crio_version empty.")


def _title(runtime: Runtime | None) -> str:
    return runtime.title if runtime else "another one"


def ambiguity(answering: Collection[str]) -> str:
    """Return the message about several running runtimes of which none was chosen, empty for one or none."""
    found = [runtime for runtime in RUNTIMES.values() if runtime.socket in answering]
    if len(found) < 2:
        return ""
    return "The container runtime of the cluster cannot be determined: expected one, found {} running and no socket " \
           "chosen. Choose one (criSocket, cri_socket), or stop the other ('systemctl disable --now {}').".format(
               " and ".join(f"{runtime.title} ({runtime.socket})" for runtime in found), found[0].unit)
