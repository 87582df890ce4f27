# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine and an API for the tests of kubeadm_*: files and certificates are real, commands and requests are not."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import NotFound
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubeconfig import Kubeconfig

NOW = 1_800_000_000.0

# A ClusterConfiguration as kubeadm writes it, and other forms of values after it
CONFIGURATION = """apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
certificateValidityPeriod: 8760h0m0s
controllerManager:
  extraArgs:
  - name: bind-address
    value: 0.0.0.0
  - name: v
    value: "2"
dns: {}
etcd:
  local:
    dataDir: /var/lib/etcd
featureGates:
  KubeletInUserNamespace: true
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
nodePortAddresses: null
taints: []
# a comment
weight: 1.5
count: -3
"quoted key": 'it''s'
text: |
  first: line

    indented
last: x
"""


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; `at` runs something when a moment has come."""

    moment: float = NOW
    at: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds
        for due in [one for one in self.at if one[0] <= self.moment]:
            self.at.remove(due)
            due[1]()


@dataclass
class FakeRunner:
    """Remembers commands; `effects` change the machine when a command begins with the given words."""

    effects: dict[str, Callable[[], object]] = field(default_factory=dict)
    failures: dict[str, Completed] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        line = " ".join(argv)
        self.said.append(line)
        if "--config" in argv:
            path = Path(argv[list(argv).index("--config") + 1])
            self.seen = {each.name: each.read_text() for each in path.parent.iterdir()}
            self.seen["modes"] = ",".join(sorted({oct(each.stat().st_mode & 0o777) for each in path.parent.iterdir()}))
        for start, completed in self.failures.items():
            if line.startswith(start):
                if check and completed.rc:
                    raise CommandFailed(argv, completed)
                return completed
        for start, effect in self.effects.items():
            if line.startswith(start):
                effect()
        return Completed(0, "", "")

    def changes(self) -> list[str]:
        return [line for line in self.said if not line.startswith(("journalctl", "systemctl show"))]


@dataclass
class FakeApi:
    """Objects by path. `broken` is raised instead of any answer; calls are counted."""

    objects: dict[str, Any] = field(default_factory=dict)
    broken: Exception | None = None
    forbidden: Exception | None = None
    calls: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)

    def connect(self, server: str, ca: str, identity: Kubeconfig | None = None, timeout: float = 5.0) -> FakeApi:
        self.clients.append(server)
        return self

    def _answer(self, method: str, path: str) -> Any:
        self.calls.append(method + " " + path)
        if self.broken:
            raise self.broken
        if path in ("/readyz", "/version"):
            return {"gitVersion": "v1.36.3"} if path == "/version" else "ok"
        if self.forbidden:
            raise self.forbidden
        if "?" in path and path not in self.objects:
            collection = path.partition("?")[0] + "/"
            return {"items": [item for name, item in self.objects.items() if name.startswith(collection)]}
        if path not in self.objects:
            raise NotFound(path + " not found")
        return self.objects[path]

    def get(self, path: str) -> Any:
        return self._answer("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self.calls.append("POST " + path)
        if self.broken:
            raise self.broken
        self.posted.append(body)
        return body

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        self._answer("PATCH", path)
        for part, fields in body.items():
            self.objects[path].setdefault(part, {}).update(fields)
        return self.objects[path]

    def delete(self, path: str) -> Any:
        answer = self._answer("DELETE", path)
        del self.objects[path]
        return answer


@dataclass
class Lab:
    """One machine of a test."""

    base: Path
    api: FakeApi = field(default_factory=FakeApi)
    run: FakeRunner = field(default_factory=FakeRunner)
    clock: Clock = field(default_factory=Clock)
    programs: set[str] = field(default_factory=lambda: {"kubeadm", "kubelet"})
    sockets: set[str] = field(default_factory=lambda: {"/run/containerd/containerd.sock"})
    kubelet: bool = False

    @property
    def machine(self) -> NodeContext:
        return NodeContext(
            root=Root(str(self.base)),
            run=self.run,
            connect=self.api.connect,
            kubelet_answers=lambda host, port: self.kubelet,
            socket_answers=lambda path: path[len(str(self.base)):] in self.sockets,
            find_program=lambda name: "/usr/bin/" + name if name in self.programs else None,
            now=self.clock.now,
            monotonic=self.clock.now,
            sleep=self.clock.sleep,
        )

    def write(self, path: str, text: str = "something\n") -> None:
        target = self.base / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def remove(self, path: str) -> None:
        (self.base / path.lstrip("/")).unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        return (self.base / path.lstrip("/")).exists()

    def process(self, pid: int, *words: str) -> None:
        self.write(f"/proc/{pid}/cmdline", "\0".join(words) + "\0")

    def kubelet_starts(self) -> None:
        self.kubelet = True


class Authority:
    """A CA made by openssl, named as kubeadm names every CA."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
                 "-subj", "/CN=kubernetes", "-keyout", directory / "ca.key", "-out", directory / "ca.crt",
                 "-addext", "keyUsage=critical,keyCertSign")
        self.pem = (directory / "ca.crt").read_text()

    def issue(self, name: str, subject: str, days: int = 365, alternatives: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        certificate, key, request = (self.directory / (name + end) for end in (".crt", ".key", ".csr"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
                 "-keyout", key, "-out", request)
        extensions = self.directory / (name + ".ext")
        extensions.write_text("subjectAltName=" + alternatives + "\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.directory / "ca.crt", "-CAkey", self.directory / "ca.key",
                 "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate)
        return certificate, key

    def kubeconfig(self, server: str, certificate: Path, key: Path) -> str:
        return kubeconfig_text(server, self.pem, certificate.read_text(), key.read_text())


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *(str(argument) for argument in arguments)], check=True, capture_output=True)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubeconfig_text(server: str, ca: str, certificate: str, key: str) -> str:
    """In the form in which kubeadm writes it."""
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {_base64(ca)}
    server: {server}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: somebody
  name: somebody@kubernetes
current-context: somebody@kubernetes
kind: Config
users:
- name: somebody
  user:
    client-certificate-data: {_base64(certificate)}
    client-key-data: {_base64(key)}
"""


def kubelet_conf(server: str, ca: str, pem: str = "/var/lib/kubelet/pki/kubelet-client-current.pem") -> str:
    """In the form in which the kubelet writes it after its bootstrap."""
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {_base64(ca)}
    server: {server}
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
users:
- name: default-auth
  user:
    client-certificate: {pem}
    client-key: {pem}
"""


def token(token_id: str, description: str, expires: float | None = None) -> dict[str, Any]:
    """The Secret of a bootstrap token."""
    data = {"token-id": token_id, "token-secret": "0123456789abcdef", "description": description}
    if expires is not None:
        data["expiration"] = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"data": {key: _base64(value) for key, value in data.items()}}


def request(token_id: str, issued: bool = True) -> dict[str, Any]:
    """The CertificateSigningRequest with which a kubelet exchanged its token for a certificate."""
    return {
        "spec": {"username": "system:bootstrap:" + token_id},
        "status": {"certificate": _base64("THE CERTIFICATE")} if issued else {},
    }


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
