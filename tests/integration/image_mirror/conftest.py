# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of image_mirror share: an upstream registry behind a faulty proxy, and ways to run the module."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.image_mirror import faulty_proxy, images, registries
from tests.integration.image_mirror.authorities import Authority, authority
from tools.paths import ROOT, environment

MODULE = "ansible_collections.classroom.kubeadm.plugins.modules.image_mirror"

APP = "quay.io/course/app:1"
WEB = "registry.k8s.io/web:1"
BIG = "quay.io/course/big:1"
LAYERS = 6


@dataclass(frozen=True)
class Upstream:
    """The registry that stands for all upstream ones, the proxy before it, and digests of its images."""

    served: registries.Served
    proxy: faulty_proxy.Traffic
    digests: dict[str, str]
    trees: Path

    @property
    def place(self) -> dict[str, Any]:
        return {"type": "registry", "address": self.proxy.address, "tls": False}

    def push(self, name: str, seed: str, **more: Any) -> str:
        """Another image of this name; the answer is its digest."""
        tree = self.trees / f"{seed}-{time.monotonic_ns()}"
        made = images.image(tree, seed, **more)
        images.push(tree, self.served.address, name)
        return made


@dataclass(frozen=True)
class Ran:
    """A finished module."""

    status: int
    result: dict[str, Any]
    output: str

    @property
    def states(self) -> dict[str, str]:
        return {image["reference"]: image["state"] for image in self.result["images"]}

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))


@dataclass
class Mirror:
    """Runs the module with options that stay the same through a test, apart from those of a call."""

    work: Path
    options: dict[str, Any]
    runs: int = field(default=0)

    def arguments(self, **more: Any) -> Path:
        """A file with a run's options, as Ansible hands them to a module."""
        self.runs += 1
        check = more.pop("check", False)
        given = {**self.options, **more}
        path = self.work / f"arguments-{self.runs}.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {
            **{key: value for key, value in given.items() if value is not None}, "_ansible_check_mode": check,
            "_ansible_diff": True, "_ansible_remote_tmp": str(self.work / "tmp"),
        }}), encoding="utf-8")
        return path

    def start(self, **more: Any) -> subprocess.Popen[str]:
        (self.work / "tmp").mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, str(self.arguments(**more))], cwd=ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")})

    def finish(self, process: subprocess.Popen[str], ok: bool | None = True) -> Ran:
        out, err = process.communicate(timeout=120)
        assert out, err
        ran = Ran(process.returncode, json.loads(out), out + err)
        assert ok is None or (ran.status == 0) == ok, ran.message or ran.output
        return ran

    def __call__(self, *, ok: bool | None = True, **more: Any) -> Ran:
        return self.finish(self.start(**more), ok)

    def lines(self) -> list[str]:
        """The progress file."""
        return Path(self.options["progress"]).read_text(encoding="utf-8").splitlines()


def until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def registry_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return registries.program(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def all_upstream(registry_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """An image for two platforms in Docker's form, one in OCI's that is no list, and one of several layers."""
    work = tmp_path_factory.mktemp("upstream")
    with registries.serving(registry_program, work) as served, faulty_proxy.before(served.address) as proxy:
        found = Upstream(served, proxy, {}, work / "trees")
        found.digests[APP] = found.push(
            "course/app:1", "app", platforms=("linux/amd64", "linux/arm64", "linux/s390x"), types=images.DOCKER)
        found.digests[WEB] = found.push("web:1", "web", layers=[("shared", 1_500_000), ("web", 1000)])
        found.digests[BIG] = found.push(
            "course/big:1", "big", layers=[(f"big {number}", 1_500_000) for number in range(LAYERS)])
        yield found


@pytest.fixture
def upstream(all_upstream: Upstream) -> Iterator[Upstream]:
    """The same for every test, without another one's faults."""
    all_upstream.proxy.answered.clear()
    yield all_upstream
    all_upstream.proxy.faults.clear()


@pytest.fixture
def mirror(upstream: Upstream, tmp_path: Path) -> Mirror:
    """Copies the three images into a layout unless a call says otherwise."""
    return Mirror(tmp_path, {
        "images": [APP, WEB, BIG],
        "source": upstream.place,
        "destination": {"type": "oci", "path": str(tmp_path / "layout")},
        "lock": str(tmp_path / "images.lock.yml"),
        "progress": str(tmp_path / "progress.log"),
        "report": str(tmp_path / "report.json"),
        "timeout": 20,
    })


@pytest.fixture
def serve(registry_program: Path, tmp_path: Path) -> Iterator[Callable[..., registries.Served]]:
    """Starts further registries; all end with the test."""
    with ExitStack() as running:

        def start(name: str = "registry", **more: Any) -> registries.Served:
            return running.enter_context(registries.serving(registry_program, tmp_path / name, **more))

        yield start


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"), "classroom")


@pytest.fixture
def auth_file(tmp_path: Path) -> Callable[[str], Path]:
    """An auth file with the instructor's credentials for a registry."""

    def make(address: str, password: str = registries.PASSWORD) -> Path:
        encoded = base64.b64encode(f"{registries.USER}:{password}".encode()).decode()
        path = tmp_path / "auth.json"
        path.write_text(json.dumps({"auths": {address: {"auth": encoded}}}), encoding="utf-8")
        return path

    return make


@pytest.fixture
def playbook(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs tasks on localhost as a user does."""

    def play(tasks: list[dict[str, Any]], *arguments: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "playbook.yml"
        plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
        path.write_text(json.dumps(plays), encoding="utf-8")
        return subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}", str(path),
             *arguments],
            cwd=ROOT, env=environment(ANSIBLE_NOCOLOR="1"), stdin=subprocess.DEVNULL, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    return play
