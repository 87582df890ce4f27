# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registries as a classroom has them: the bundle's own registry program on a free port of this machine."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.paths import BUNDLE

# What `skopeo login` and a registry's htpasswd file have of the instructor
USER, PASSWORD = "instructor", "for the class"
BCRYPT = "$2b$05$abcdefghijklmnopqrstuucoFVMlU5ffm2xT4gCFezK1pPwEkytVu"


@dataclass(frozen=True)
class Served:
    """A registry that answers, and its files."""

    address: str
    storage: Path
    log: Path

    def blobs(self) -> set[str]:
        """Hexadecimal digests of all that it keeps, manifests too."""
        return {path.parent.name for path in (self.storage / "docker/registry/v2/blobs").rglob("data")}


def program(directory: Path) -> Path:
    """The registry out of the bundle's package."""
    package = next((BUNDLE / "apt" / "pool").glob("classroom-registry_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(directory)], check=True)
    return directory / "usr/bin/registry"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    registry: Path, work: Path, *, certificate: tuple[Path, Path] | None = None, auth: dict[str, Any] | None = None,
    port: int = 0,
) -> Iterator[Served]:
    """A registry for as long as the context lasts; `certificate` is (certificate, key), `auth` its configuration."""
    work.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{port or free_port()}"
    served = Served(address, work / "storage", work / "registry.log")
    http: dict[str, Any] = {"addr": address, "relativeurls": True}
    if certificate:
        http["tls"] = {"certificate": str(certificate[0]), "key": str(certificate[1])}
    configuration = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(served.storage)}},
        "http": http,
        **({"auth": auth} if auth else {}),
    }
    # YAML is a superset of JSON
    (work / "registry.yml").write_text(json.dumps(configuration), encoding="utf-8")
    with served.log.open("ab") as log:
        process = subprocess.Popen([registry, "serve", work / "registry.yml"], stdout=log, stderr=log)
    try:
        wait(served, process)
        yield served
    finally:
        process.kill()
        process.wait()


def htpasswd(work: Path) -> dict[str, Any]:
    """A registry's configuration that knows the instructor and nobody else."""
    path = work / "htpasswd"
    path.write_text(f"{USER}:{BCRYPT}\n", encoding="utf-8")
    return {"htpasswd": {"realm": "the class", "path": str(path)}}


def wait(served: Served, process: subprocess.Popen[bytes]) -> None:
    """Wait until a registry answers."""
    host, port = served.address.split(":")
    for _attempt in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the registry did not start: {served.log.read_text(encoding='utf-8')}")
