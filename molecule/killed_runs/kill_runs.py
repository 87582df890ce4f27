#!/usr/bin/env python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts `site.yml` once for every moment below and kills it there, the next run beginning with what that one left.

Moments are what is true on a machine, seen by a shell there that looks every few hundredths of a second; no run is
killed because of the time. A moment that never comes, or at which nothing is found to kill, is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# For a machine with two busy cores; what usually passes until a moment comes is a tenth of it.
PATIENCE = 300

PACKAGES = ("apt-get", "dpkg", "dpkg-deb")
KUBEADM = ("kubeadm",)
# A module of Ansible on a machine; nothing else there is written in Python.
MODULE = ("python3",)


@dataclass(frozen=True)
class Moment:
    """When to kill: `condition` is a command of the shell on `machine` while one of `programs` runs there.

    With `power_cut` the programs, and the modules that started them, are killed on the machine as well; without it they
    go on there, as after a Ctrl-C or the end of the controller. `limit` keeps a run to some machines.
    """

    title: str
    machine: str
    condition: str
    programs: tuple[str, ...]
    power_cut: bool
    limit: str = "all"


API = "curl --silent --fail --insecure --max-time 2 https://127.0.0.1:6443/readyz"
BOOTSTRAP = "test -s /etc/kubernetes/bootstrap-kubelet.conf"

MOMENTS = (
    Moment(
        "containerd is being unpacked", "node1", "test -e /usr/bin/containerd.dpkg-new", PACKAGES, power_cut=False,
    ),
    Moment(
        "the kubelet is being unpacked", "node1", "test -e /usr/bin/kubelet.dpkg-new", PACKAGES, power_cut=True,
    ),
    Moment(
        "kubeadm init has made the certificates", "master",
        "test -s /etc/kubernetes/pki/sa.pub && ! test -e /etc/kubernetes/manifests/etcd.yaml", KUBEADM, power_cut=True,
    ),
    Moment(
        "kubeadm init waits for the API, etcd runs", "master",
        f"pgrep -x etcd >/dev/null && ! {API} >/dev/null", KUBEADM, power_cut=True,
    ),
    Moment(
        "the API is up and has no addons yet", "master",
        # A phase of a third of a second, which is all that is looked for: it comes after the one that waits for the API
        "pgrep -f '^kubeadm init phase bootstrap-token' >/dev/null", KUBEADM, power_cut=True,
    ),
    Moment(
        "the first addon is being applied", "master",
        "pgrep -f '^kubeadm init phase addon' >/dev/null", KUBEADM, power_cut=False,
    ),
    Moment(
        "kubeadm join has written bootstrap-kubelet.conf", "node1", BOOTSTRAP, KUBEADM, power_cut=True,
        # The other worker is left for the last moment: it would go on joining by itself
        limit="all:!node2",
    ),
    Moment(
        "kubeadm join has written bootstrap-kubelet.conf", "node2", BOOTSTRAP, KUBEADM, power_cut=False,
    ),
)


class Failed(Exception):
    """A moment proved nothing; the message says why."""


def watcher(moment: Moment) -> str:
    """The shell script that waits for the moment on its machine, and prints the processes that it finds there.

    Should nobody be left who waits for it, it touches nothing and ends.
    """
    programs = "|".join(moment.programs)
    victims = "|".join((*moment.programs, *MODULE))
    return f"""
        holds() {{ {moment.condition}; }} 2>/dev/null
        running() {{ pgrep -x '{programs}' >/dev/null; }}
        end=$(($(date +%s) + {PATIENCE}))
        if holds && running; then echo already; exit 3; fi
        echo watching
        until holds && running; do
            if [ "$(date +%s)" -gt "$end" ]; then echo never; exit 4; fi
            sleep 0.02
        done
        echo seen || exit
        victims=$(pgrep -x '{victims}' | paste -s -d ' ')
        {"kill -STOP $victims" if moment.power_cut else ":"}
        ps -o args= -p "$(pgrep -d , -x '{programs}')"
        {"kill -KILL $victims" if moment.power_cut else ":"}
    """


def login(variables: Mapping[str, Any]) -> list[str]:
    """The words before a command on a machine; not over the run's own connection, which is not to outlive the kill."""
    return [
        "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ConnectTimeout=10",
        "-i", variables["ansible_ssh_private_key_file"], *shlex.split(variables["ansible_ssh_common_args"]),
        f"{variables['ansible_user']}@{variables['ansible_host']}",
    ]


def descendants(process: int) -> Iterator[int]:
    """All processes that came from this one: Ansible puts its workers into sessions of their own."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may have blanks; behind it are the state and the parent.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    waiting = [process]
    while waiting:
        found = children.get(waiting.pop(), [])
        waiting.extend(found)
        yield from found


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the process group and of the workers outside of it, unless it has ended by itself."""
    if process.poll() is not None:
        return
    workers = list(descendants(process.pid))
    os.killpg(process.pid, signal.SIGKILL)
    for worker in workers:
        try:
            os.kill(worker, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def heard(watch: subprocess.Popen[str], word: str) -> None:
    """Read the watcher's next line, which should be `word`."""
    assert watch.stdout is not None
    said = watch.stdout.readline().strip()
    if said != word:
        raise Failed({
            "already": "it was so before the run began, which is then not what was interrupted",
            "never": f"it was not seen within {PATIENCE} s",
        }.get(said, f"the watcher on the machine said '{said}'"))


def await_moment(watch: subprocess.Popen[str], run: subprocess.Popen[bytes]) -> None:
    """Return when the watcher has seen the moment; a run that ends before will not bring it any more."""
    assert watch.stdout is not None
    while run.poll() is None:
        if select.select([watch.stdout], [], [], 0.5)[0]:
            heard(watch, "seen")
            return
    raise Failed(f"the run ended before it, with {run.returncode}")


def playbook(inventory: Path, moment: Moment, log: Path) -> subprocess.Popen[bytes]:
    """Begin a run in a process group of its own."""
    argv = ["ansible-playbook", "-v", str(ROOT / "playbooks" / "site.yml"), "-i", str(inventory)]
    with log.open("wb") as stream:
        return subprocess.Popen(
            [*argv, "--limit", moment.limit], stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def interrupt(inventory: Path, moment: Moment, shell: Sequence[str], log: Path) -> list[str]:
    """One run, killed at its moment; returns what was found at work on the machine."""
    with subprocess.Popen(
        [*shell, "sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdin is not None and watch.stdout is not None
        try:
            watch.stdin.write(watcher(moment))
            watch.stdin.close()
            heard(watch, "watching")
            run = playbook(inventory, moment, log)
            try:
                await_moment(watch, run)
            finally:
                kill(run)
            found = [line.strip() for line in watch.stdout if line.strip()]
        except BaseException:
            watch.kill()
            raise
    if not found:
        raise Failed("nothing was found at work on the machine")
    return found


def hosts(inventory: Path) -> dict[str, dict[str, Any]]:
    """The variables of every machine, as Ansible reads them."""
    argv = ["ansible-inventory", "-i", str(inventory), "--list"]
    listed = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    found: dict[str, dict[str, Any]] = listed["_meta"]["hostvars"]
    return found


def tell(moment: Moment, found: Sequence[str], seconds: float) -> None:
    what = "the playbook and what it had running there" if moment.power_cut else "the playbook alone"
    print(f"{seconds:5.1f} s  {moment.machine}: {moment.title}; killed {what}", flush=True)
    for line in found:
        print(f"         {line[:120]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path)
    inventory = parser.parse_args().inventory
    variables = hosts(inventory)
    for number, moment in enumerate(MOMENTS, 1):
        log = Path(f"run-{number}.log")
        begun = time.monotonic()
        try:
            found = interrupt(inventory, moment, login(variables[moment.machine]), log)
        except Failed as problem:
            said = log.read_text(errors="replace")[-3000:] if log.exists() else "nothing, it was not begun"
            print(f"{moment.machine}: {moment.title}: {problem}. The run said:\n{said}", file=sys.stderr)
            return 1
        tell(moment, found, time.monotonic() - begun)
    return 0


if __name__ == "__main__":
    sys.exit(main())
