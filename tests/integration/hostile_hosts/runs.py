# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller in a temporary tree, its class of fake hosts, and one run of a playbook on them."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from tests.integration.hostile_hosts.attacks import Attack, Places, archive, encoded
from tests.integration.hostile_hosts.certificates import Authority
from tests.integration.hostile_hosts.samples import REPEATED, REPEATED_LISTS, ROOT, samples
from tests.support.signed_bundles import sign

HERE = Path(__file__).resolve().parent
UTILITY = "utility.example.com"
CANARY = "canary-of-the-instructors-private-key"
# Seats whose hosts answer as they should; the first has a worker
HONEST = 2
# Seconds for a task that reads, by cluster_timeout_factor; enough for an honest host on a busy machine
FACTOR = 0.25


@dataclass(frozen=True)
class Outcome:
    """What a run left: its output, the results by host, what the hosts received, and the changes of the tree."""

    status: int
    output: str
    stats: Mapping[str, Mapping[str, int]]
    results: Sequence[Mapping[str, Any]]
    received: Sequence[Mapping[str, Any]]
    changed: frozenset[str]
    tree: Path
    attacks: Mapping[str, Attack]
    honest: Sequence[str]

    @property
    def work(self) -> Path:
        """The directory in which the playbook was started."""
        return self.tree / "work"


class Controller:
    """The instructor's home, work directory and files next to them, and programs that play all hosts."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.state = tree / "state"
        self.home = tree / "home"
        self.work = tree / "work"
        self.authority = Authority()
        self.hosts: dict[str, dict[str, Any]] = {}
        for path in (self.state / "log", self.state / "uploads", self.home / ".ssh", self.work / "kubeconfig"):
            path.mkdir(parents=True)
        self._programs()
        self._sentinels()
        self._bundle()

    def places(self) -> Places:
        """What attacks point at."""
        canary = self.home / ".ssh" / "id_ed25519"
        return Places(str(self.home), str(canary), str(self.tree / "created"), "seat02-master")

    def _programs(self) -> None:
        source = (HERE / "fake_host.py").read_text(encoding="utf-8")
        for name in ("ssh", "sftp"):
            path = self.state / name
            path.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
            path.chmod(0o700)

    def _sentinels(self) -> None:
        """Files of the instructor, of each kind that the review wrote, read or deleted."""
        for name, text in {
            "home/.ssh/id_ed25519": CANARY, "home/.ssh/id_ed25519.pub": "ssh-ed25519 AAAA instructor\n",
            "home/.ssh/authorized_keys": "ssh-ed25519 AAAA instructor\n",
            "home/Documents/thesis.txt": "years of work\n",
            "work/site.yml": "the instructor's\n", "work/group_vars/all.yml": "{}\n",
            "work/contents.yml": "the instructor's\n",
            "outside/site.yml": "the instructor's\n", "outside/conf": "the instructor's\n",
        }.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def _bundle(self) -> None:
        """As much of a bundle as the roles read on the controller."""
        bundle = self.work / ".cache" / "bundle" / "current"
        contents = {
            "apt/classroom-kubeadm.asc": "key\n", "rpm/classroom-kubeadm.asc": "key\n", "apt/InRelease": "index\n",
            "apt/pool/kubelet_1.36.3-1.1_amd64.deb": "package\n", "oci/index.json": '{"manifests": []}',
        }
        lines = ["---", "schema: 1", "versions:", "  kubernetes: v1.36.3", "images: {}", "files:"]
        for name, text in contents.items():
            path = bundle / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            lines.append(f"  {name}: {hashlib.sha256(text.encode()).hexdigest()}")
        (bundle / "bundle.lock.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        bundle_signature.record(str(bundle), sign(bundle, self.work / ".cache" / "signing.asc"))

    # Inventories

    def add_seat(self, number: int, machines: Sequence[str], attack: Attack | None = None) -> list[str]:
        """The hosts of a seat, with the addresses that the class file gives them."""
        seat = f"seat{number:02}"
        names = []
        for index, machine in enumerate(machines):
            names.append(f"{seat}-{machine}")
            self.hosts[f"10.20.{number}.{10 + index}"] = self._host(
                names[-1], f"10.20.{number}.{10 + index}", f"10.20.{number}.10", seat, attack)
        return names

    def _host(self, name: str, address: str, control_plane: str, seat: str, attack: Attack | None) -> dict[str, Any]:
        admin = self.authority.kubeconfig(f"https://{control_plane}:6443", "kubernetes-admin", seat)
        student = self.authority.kubeconfig(f"https://{control_plane}:6443", "student", seat)
        files = {
            "/admin.conf": admin.encode(), "/student.conf": student.encode(),
            "/ca.crt": self.authority.certificate.encode(),
            "/files.tar.gz": archive(("root/work.txt", b"work\n")),
            "/objects.tar.gz": archive(("student.json", b"{}\n")),
        }
        given = attack.as_host() if attack else {}
        own = {"address": address, "prefix": 24, "interface": "eth0"}
        # The names of keys and interfaces are as they are, the values are of this host only
        number = hashlib.sha256(name.encode()).hexdigest()
        identity = {
            "container": False, "machine_id": number[:32], "product_uuid": number[:32],
            "ssh_host_keys": {"ssh-ed25519": "SHA256:" + number},
            "mac_addresses": {"eth0": ":".join(["52", *re.findall("..", number[:10])])},
        }
        return {
            "name": name, **given, "files": given.get("files") or encoded(files),
            "answers": {
                "kubeadm_init": {"ca_hash": self.authority.hash,
                                 "admin_conf_sha256": hashlib.sha256(admin.encode()).hexdigest()},
                "bundle_load": {"certificate": {
                    "problem": "it is missing", "fingerprint": "", "authority": self.authority.certificate}},
                "server_certificate": {"authority": self.authority.certificate},
                "residue_info": {"identity": identity},
                "host_identity_info": {"identity": identity},
                "host_interfaces": {"ansible_facts": {"classroom_interfaces": {"internal": own, "external": {}}}},
            },
        }

    def _write_class(self, seats: Mapping[int, Sequence[str]], variables: Mapping[str, Any]) -> Path:
        written = {
            "plugin": "classroom.kubeadm.seats", "class": "hostile", "machines": ["master"],
            "addresses": {"first": "10.20.1.10", "next_seat": 256},
            "utility": {"name": UTILITY, "address": "10.20.0.2"},
            "students": ["student"] * len(seats),
            "seats": [{"number": number, "machines": list(machines)} for number, machines in seats.items()],
            "variables": dict(variables),
        }
        path = self.work / "class.yml"
        path.write_text(yaml.safe_dump(written), encoding="utf-8")
        return path

    def _write_utilities(self, names: Mapping[str, str], variables: Mapping[str, Any]) -> Path:
        written = {"all": {"vars": dict(variables), "children": {
            "utility": {"hosts": {name: {"ansible_host": address} for name, address in names.items()}}}}}
        path = self.work / "utilities.yml"
        path.write_text(yaml.safe_dump(written), encoding="utf-8")
        return path

    # A run

    def run(self, playbook: str, attacks: Sequence[Attack], *arguments: str) -> Outcome:
        """One run of a playbook on honest hosts and one seat, or utility, for each attack."""
        variables = {
            "ansible_ssh_executable": str(self.state / "ssh"), "ansible_sftp_executable": str(self.state / "sftp"),
            "ansible_ssh_retries": 0, "ansible_ssh_transfer_method": "sftp",
            "cluster_packages_from": "utility", "cluster_images_from": "utility", "cluster_timeout_factor": FACTOR,
            "cluster_internal_network": "10.20.0.0/16", "node_metadata_labels": {"classroom.example/hostile": "no"},
            "student_tools_users": [{"name": "student"}], "harvest_max_mb": 8, "harvest_objects_max_mb": 8,
            "pod_network_dns_upstream": ["10.20.0.2"],
        }
        by_host: dict[str, Attack] = {}
        self.hosts["10.20.0.2"] = self._host(UTILITY, "10.20.0.2", "10.20.0.2", UTILITY, None)
        if playbook == "utility.yml":
            honest, inventory = [UTILITY], self._utilities(attacks, variables, by_host)
        else:
            honest, inventory = self._seats(attacks, variables, by_host)
        self._write_answers()
        before = snapshot(self.tree)
        program = Path(sys.executable).parent / "ansible-playbook"
        done = subprocess.run(
            [str(program), str(ROOT / "playbooks" / playbook), "-i", str(inventory), *arguments],
            cwd=self.work, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        after = snapshot(self.tree)
        stats = self.state / "stats.json"
        return Outcome(
            done.returncode, done.stdout.decode("utf-8", "replace"),
            json.loads(stats.read_text(encoding="utf-8")) if stats.exists() else {},
            lines_of(self.state / "results.jsonl"),
            [event for path in sorted((self.state / "log").iterdir()) for event in lines_of(path)],
            frozenset(name for name in {*before, *after} if before.get(name) != after.get(name)),
            self.tree, by_host, honest)

    def _seats(
        self, attacks: Sequence[Attack], variables: Mapping[str, Any], by_host: dict[str, Attack]
    ) -> tuple[list[str], Path]:
        """The class file of honest seats and one for each attack, and the honest hosts."""
        seats: dict[int, list[str]] = {1: ["master", "node1"], 2: ["master"]}
        honest = [name for number, machines in seats.items() for name in self.add_seat(number, machines)]
        for number, attack in enumerate(attacks, HONEST + 1):
            seats[number] = list(attack.machines)
            by_host.update(dict.fromkeys(self.add_seat(number, seats[number], attack), attack))
        for number in seats:
            (self.work / "kubeconfig" / f"seat{number:02}.conf").write_text("of a former cluster\n", encoding="utf-8")
        return [*honest, UTILITY], self._write_class(seats, variables)

    def _utilities(self, attacks: Sequence[Attack], variables: Mapping[str, Any], by_host: dict[str, Attack]) -> Path:
        """The inventory of an honest utility and one for each attack."""
        names = {UTILITY: "10.20.0.2"}
        for number, attack in enumerate(attacks, 1):
            address = f"10.20.{number}.2"
            name = f"utility{number:02}.example.com"
            self.hosts[address] = self._host(name, address, address, name, attack)
            names[name] = address
            by_host[name] = attack
        return self._write_utilities(names, variables)

    def _write_answers(self) -> None:
        answers = {"hosts": self.hosts, "samples": samples(), "repeated": REPEATED,
                   "repeated_lists": REPEATED_LISTS}
        (self.state / "host_answers.json").write_text(json.dumps(answers, default=_plain), encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        """The configuration of a class, and nothing of the developer's own."""
        configuration = self.work / "ansible.cfg"
        shutil.copy(ROOT / "inventories" / "class" / "ansible.cfg", configuration)
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "PWD": str(self.work), "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "ANSIBLE_CONFIG": str(configuration), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "hostile_results", "CLASSROOM_REPORT": str(self.work / "report"),
            "HOSTILE_RESULTS": str(self.state),
        }


def _plain(value: Any) -> str:
    """Dates of a YAML sample."""
    assert isinstance(value, datetime.date)
    return value.isoformat()


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one in a line."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]


def snapshot(tree: Path) -> dict[str, str]:
    """Path below the tree -> what is there; without the state of the fake hosts and Ansible's own temporary files."""
    found = {}
    for place, directories, files in os.walk(tree):
        base = Path(place)
        if base in (tree / "state", tree / "home" / ".ansible"):
            directories.clear()
            continue
        for name in (*directories, *files):
            path = base / name
            key = str(path.relative_to(tree))
            if path.is_symlink():
                found[key] = f"link {os.readlink(path)}"
            elif path.is_dir():
                found[key] = f"directory {path.stat().st_mode:o}"
            else:
                with open(path, "rb") as stream:
                    checksum = hashlib.sha256(stream.read(1 << 20)).hexdigest()
                found[key] = f"file {path.stat().st_mode:o} {path.stat().st_size} {checksum}"
    return found
