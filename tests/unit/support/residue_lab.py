# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine for the tests of residue: real files, a process list made of files, recorded answers of commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.model import Scan

OWN, OTHER = "pid:[1]", "pid:[2]"
HOST_NETWORK = "net:[1]"


@dataclass
class Host:
    """Answers a command by the longest beginning that is known; every other one is a tool that is missing."""

    base: Path
    answers: dict[str, str | Completed] = field(default_factory=dict)
    effects: dict[str, Callable[[], object]] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    sockets: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    moment: float = 0.0

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        line = " ".join(argv)
        self.said.append(line)
        if stdin is not None:
            self.inputs.append(stdin)
        for start in sorted((each for each in self.effects if line.startswith(each)), key=len):
            self.effects[start]()
        fitting = [start for start in self.answers if line.startswith(start)]
        answer = self.answers[max(fitting, key=len)] if fitting else Completed(127, "", "command not found")
        completed = Completed(0, answer, "") if isinstance(answer, str) else answer
        if check and completed.rc != 0:
            raise CommandFailed(argv, completed)
        return completed

    @property
    def machine(self) -> NodeContext:
        return NodeContext(
            root=Root(str(self.base)), run=self,
            socket_answers=lambda path: path[len(str(self.base)):] in self.sockets,
            find_program=lambda name: "/usr/bin/" + name if name in self.programs else None,
            now=lambda: self.moment, monotonic=lambda: self.moment, sleep=self._sleep,
        )

    @property
    def scan(self) -> Scan:
        return Scan(self.machine)

    def _sleep(self, seconds: float) -> None:
        self.moment += seconds

    def write(self, path: str, text: str = "something\n") -> Path:
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def directory(self, path: str) -> None:
        self.path(path).mkdir(parents=True, exist_ok=True)

    def path(self, path: str) -> Path:
        return self.base / path.lstrip("/")

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.path(path))

    def mounts(self, *paths: str, kind: str = "tmpfs") -> None:
        lines = [f"{number} 1 0:1 / {path} rw - {kind} none rw\n" for number, path in enumerate(paths)]
        self.write("/proc/self/mountinfo", "".join(lines))

    def process(
        self, pid: int, *words: str, cgroup: str = "/system.slice/x.service", namespace: str = OWN,
        network: str = HOST_NETWORK, age: float = 100.0,
    ) -> None:
        if not self.exists("/proc/self/ns/pid"):
            self._link("/proc/self/ns/pid", OWN)
            self.write("/proc/uptime", "1000.00 1.00\n")
        base = f"/proc/{pid}"
        self.write(base + "/cmdline", "\0".join(words) + "\0")
        self.write(base + "/cgroup", f"0::{cgroup}\n")
        started = (1000.0 - age) * os.sysconf("SC_CLK_TCK")
        self.write(base + "/stat", "{} (a b) S {} {} 0\n".format(pid, " ".join(["0"] * 18), int(started)))
        self._link(base + "/ns/pid", namespace)
        self._link(base + "/ns/net", network)

    def _link(self, path: str, target: str) -> None:
        link = self.path(path)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def ends(self, pid: int) -> None:
        self.path(f"/proc/{pid}/cmdline").write_text("")

    def links(self, *links: Mapping[str, Any]) -> None:
        self.answers["ip -j -d addr show"] = json.dumps(list(links))

    def tables(self, *tables: tuple[str, str]) -> None:
        entries = [{"table": {"family": family, "name": name, "handle": 1}} for family, name in tables]
        self.answers["nft -j list tables"] = json.dumps({"nftables": [{"metainfo": {"version": "1.1.3"}}, *entries]})


def link(name: str, kind: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"ifname": name, "addr_info": [], **more}
    return {**found, "linkinfo": {"info_kind": kind}} if kind else found


def addressed(name: str, address: str, prefix: int = 24, kind: str = "") -> dict[str, Any]:
    family = "inet6" if ":" in address else "inet"
    info = {"family": family, "local": address, "prefixlen": prefix, "scope": "global"}
    return {**link(name, kind), "addr_info": [info]}
