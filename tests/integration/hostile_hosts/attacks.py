# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hostile hosts answer. Each attack gets a seat, or for utility.yml a utility, of its own."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.integration.hostile_hosts.samples import WRONG, fields

MIB = 1 << 20
# Modules that run on a worker, or for one
OF_WORKERS = frozenset({"kubeadm_join", "kubeadm_token", "node_delete"})
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[1A\r\u202egnp.exe\u2066 end"


@dataclass(frozen=True)
class Attack:
    """What the hosts of one seat answer instead of the samples.

    `files` are by the end of their path on the host, `download_bytes` is the size of a file that sftp gets, `probe`
    what the shell of the host answers. `machines` are those of the seat, and `playbooks` limits the attack to those in
    which it means something.
    """

    name: str
    mutations: Sequence[Mapping[str, Any]] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    download_bytes: int = 0
    probe: str = ""
    machines: Sequence[str] = ("master",)
    playbooks: frozenset[str] = frozenset()

    def as_host(self) -> dict[str, Any]:
        """Its part of the fake hosts' answers."""
        found = {"mutations": list(self.mutations), "files": encoded(self.files), "download_bytes": self.download_bytes}
        return {**found, "probe": self.probe} if self.probe else found


def encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as the fake host reads them."""
    return {ending: base64.b64encode(content).decode() for ending, content in files.items()}


def archive(*members: tuple[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A compressed tar archive of these members, after these symbolic links."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@dataclass(frozen=True)
class Places:
    """What attacks point at: a directory to be left alone, a file not to be read, and one not to be created."""

    home: str
    canary: str
    created: str
    other_seat: str


def kubeconfig(server: str, user: object) -> bytes:
    """A kubeconfig as a hostile host would give it."""
    text = json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "users": [{"name": "x", "user": user}],
    })
    return text.encode()


def facts(places: Places) -> dict[str, Any]:
    """Variables of the roles that name something on the controller or another host."""
    return {
        "reset_kubeconfig": places.home, "reset_confirm": True, "reset_level": "bare",
        "control_plane_kubeconfig": places.home + "/.ssh/authorized_keys",
        "cluster_utility_ca": places.canary, "cluster_utility": places.other_seat,
        "cluster_control_plane": places.other_seat, "cluster_machines": [places.other_seat],
        "cluster_endpoint": "203.0.113.1:6443", "cluster_bundle": places.home, "cluster_name": "../../outside",
        "cluster_version": "0.0.0", "cluster_proxy": {"http": "http://203.0.113.1:1"},
        "students_directory": places.home + "/.ssh",
        "students_users": [{"name": "x", "user": "../../x", "state": "absent"}],
        "harvest_to": places.home, "_harvest_date": "../../..", "harvest_temporary": places.home,
        "audit_file": places.home + "/.ssh/authorized_keys", "report_directory": places.home,
        "pod_network_manifest": places.canary, "pod_network_plugin": "manifest", "host_hosts": [],
        "node_address": "203.0.113.1",
        "enroll_public_key": places.canary, "utility_bundle": places.home, "utility_networks": ["0.0.0.0/0"],
        "_cluster_utility_address": "203.0.113.1", "_cluster_delegate_host": places.other_seat,
        "_cluster_audit_mode": True,
        "__cluster_check_result": {"failed": True, "msg": "owned"}, "ansible_host": "203.0.113.1",
        "inventory_hostname": places.other_seat, "ansible_connection": "local", "ansible_become": False,
    }


def general(places: Places) -> list[Attack]:
    """Attacks for every playbook."""
    pipe = "{{ lookup('ansible.builtin.pipe', 'touch " + places.created + "') }}"
    words = {"changed": True, "failed": False}
    return [
        Attack("64-mib", [{"big": 64 * MIB}]),
        Attack("control-characters", [
            {"strings": ESCAPES}, {"set": {"warnings": [ESCAPES], "msg": ESCAPES, "deprecations": [{"msg": ESCAPES}]}}],
            probe=f"python=3.13.5{ESCAPES}\nsudo=root\n"),
        Attack("failure-with-control-characters", [{"set": {"failed": True, "msg": ESCAPES, "exception": ESCAPES}}]),
        Attack("absolute-paths", [{"strings": places.home}]),
        Attack("relative-paths", [{"strings": "../../../../site"}]),
        Attack("jinja", [{"strings": pipe}, {"set": {"ansible_facts.cluster_domain": pipe, "msg": pipe}}],
               probe=f"python={pipe}\nsudo=root\n"),
        # With a worker, which asks another seat for a token
        Attack("facts", [{"set": {f"ansible_facts.{name}": value for name, value in facts(places).items()}}],
               machines=("master", "node1")),
        Attack("invented-hosts", [{"set": {
            "add_host": {"host_name": places.other_seat, "groups": ["utility"],
                         "host_vars": {"ansible_host": "203.0.113.1"}},
            "add_group": "control_plane", "ansible_facts.discovered_interpreter_python": places.canary,
            "_ansible_delegated_vars": {"ansible_delegated_host": places.other_seat},
            "ansible_stats": {"data": {"x": ESCAPES}, "per_host": False, "aggregate": True},
            "results": [{"failed": True, "item": places.other_seat}]}}]),
        Attack("addresses", [{"set": {"ansible_facts.classroom_interfaces": {
            "internal": {"interface": "x", "address": "0.0.0.0/0", "prefix": 0},
            "external": {"interface": "x", "address": "0.0.0.0/0; }", "prefix": 0}}}}]),
        Attack("not-json", [{"text": "sh: python3: command not found \x1b[2J\n"}]),
        Attack("half-of-json", [{"text": '{"changed": true, "ansible_facts": {"a": '}]),
        Attack("a-list", [{"text": "[1, 2, 3]"}]),
        Attack("several-answers", [{"text": json.dumps(words) + "\n" + json.dumps({**words, "failed": True})}]),
        Attack("null-bytes", [{"text": "\0" * 4096}]),
        Attack("deep", [{"text": '{"a":' * 20000 + "1" + "}" * 20000}]),
        Attack("no-end", [{"wait": 600, "drip": True}]),
        Attack("no-answer", [{"wait": 600}]),
    ]


def transfers(places: Places) -> list[Attack]:
    """Attacks by the content of files that are fetched."""
    fetched = frozenset({"site.yml", "students.yml"})
    harvested = frozenset({"harvest.yml"})
    server = "https://203.0.113.1:6443"
    programs = {
        "exec": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch",
                          "args": [places.created]}},
        "token-file": {"tokenFile": places.canary},
        "key-file": {"client-certificate": places.canary, "client-key": places.canary},
        "auth-provider": {"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch"}}},
    }
    return [
        *(Attack(f"kubeconfig-{name}", files={".conf": kubeconfig(server, user)}, playbooks=fetched)
          for name, user in programs.items()),
        Attack("kubeconfig-key", files={".conf": b"ssh-ed25519 AAAA student\n"}, playbooks=fetched),
        Attack("kubeconfig-size", files={".conf": b"x" * (8 * MIB)}, playbooks=fetched),
        Attack("namespaces", [{"modules": ["harvest_objects"], "set": {
            "namespaces": ["../../../../site", places.home + "/site", "..", ".", "a/b", "x\0y", ""]}}],
            playbooks=harvested),
        *(Attack(f"manifests-{kind}", files={"/files.tar.gz": archive(("root/x", b"x")), "/objects.tar.gz": content},
                 playbooks=harvested)
          for kind, content in {
              "above": archive(("../../../../site.json", b"{}\n")),
              "absolute": archive((places.home + "/site.json", b"{}\n")),
              "link": archive(("x/site.json", b"{}\n"), links={"x": places.home}),
              "linked-file": archive(("x.json", b"{}\n"), links={"x.json": places.canary}),
              "bomb": archive(("x.json", bytes(64 * MIB))),
              "nesting": archive(("x.json", b'{"a":' * 10_000 + b"\n")),
              "values": archive(("x.json", b'{"a": [' + b"0," * 1_000_000 + b"0]}\n"))}.items()),
        Attack("archive-paths", files={"/objects.tar.gz": archive(("x.json", b"{}\n")), "/files.tar.gz": archive(
            ("../../../../site.yml", b"the student's\n"), ("/etc/cron.d/x", b"x"), links={"root": places.home})},
            playbooks=harvested),
        Attack("place", [{"modules": ["tempfile"], "set": {"path": places.home}}], files={"": b"x"},
               playbooks=harvested),
        Attack("archive-size", download_bytes=1 << 30, playbooks=harvested),
    ]


def wrong_types(modules: Sequence[str]) -> list[Attack]:
    """One attack for each key that RETURN declares at the top, or directly in ansible_facts; unit tests go deeper."""
    return [
        Attack(f"{module}-{path}", [{"modules": [module], "set": {path: WRONG[kind]}}],
               machines=("master", "node1") if module in OF_WORKERS else ("master",))
        for module in modules for path, kind in fields(module)
        if "." not in path or (path.startswith("ansible_facts.") and path.count(".") == 1)
    ]
