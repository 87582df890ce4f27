# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of Ansible against hosts that are this machine: by the connection local, or by an ssh that runs its command."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.action.fetch_file import SPEC
from ansible_collections.classroom.kubeadm.plugins.modules.fetch_file import DOCUMENTATION
from tests.unit.support.kubeadm_lab import Authority

ROOT = Path(__file__).resolve().parents[4]
SERVER = "192.0.2.10:6443"
ADMIN = {"server": SERVER, "cluster": "lab", "user": "kubernetes-admin", "groups": ["kubeadm:cluster-admins"]}
Results = list[dict[str, Any]]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def admin_conf(authority: Authority) -> str:
    credentials = authority.issue("admin", "/O=kubeadm:cluster-admins/CN=kubernetes-admin")
    return authority.kubeconfig("https://" + SERVER, *credentials)


@pytest.fixture
def src(tmp_path: Path, admin_conf: str) -> Path:
    path = tmp_path / "admin.conf"
    path.write_text(admin_conf)
    return path


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def run(
    tmp_path: Path, tasks: Sequence[Mapping[str, Any]], *options: str,
    variables_of: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[Results, str]:
    """The results of calls of the module, and everything that a person could read, the log included.

    `variables_of` has the variables of each call, which say what the host is.
    """
    # A rejected file fails its call, and the results of all calls are compared
    calls = [{"name": f"Call {number}", "classroom.kubeadm.fetch_file": dict(task),
              "register": f"r{number}", "ignore_errors": True,
              "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}}
             for number, (task, variables) in enumerate(zip(tasks, variables_of or [{}] * len(tasks), strict=True))]
    results = tmp_path / "results.json"
    registered = ", ".join(f"r{number}" for number in range(len(tasks)))
    keep = {"name": "Keep results", "ansible.builtin.copy": {
        "dest": str(results), "content": "{{ [" + registered + "] | to_json }}"},
        "check_mode": False, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
    play = tmp_path / "play.yml"
    play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [*calls, keep]}]))
    log = tmp_path / "log"
    done = subprocess.run(
        ["ansible-playbook", "-i", "seat01-master,", str(play), *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOG_PATH": str(log)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: Results = json.loads(results.read_text())
    results.unlink()
    return found, done.stdout + done.stderr + log.read_text()


def admin(src: Path, dest: Path, **more: Any) -> dict[str, Any]:
    return {"format": "kubeconfig", "src": str(src), "dest": str(dest), "kubeconfig": ADMIN, **more}


def test_a_kubeconfig_is_written_once_and_in_no_output(tmp_path: Path, src: Path, admin_conf: str) -> None:
    ssh = program(tmp_path / "ssh", '#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    variables = {"ansible_connection": "ssh", "ansible_ssh_executable": ssh, "ansible_ssh_args": "",
                 "ansible_remote_tmp": str(tmp_path / "remote")}
    dest = tmp_path / "new" / "lab.conf"
    [checked], said = run(tmp_path, [admin(src, dest)], "--check", "--diff", variables_of=[variables])
    assert (checked["changed"], checked["reason"]) == (True, "it is missing") and not dest.parent.exists()
    [first, second], more = run(
        tmp_path, [admin(src, dest), admin(src, dest)], "-vvvvv", "--diff", variables_of=[variables, variables])
    assert [(result["changed"], result["reason"]) for result in (first, second)] == [
        (True, "it is missing"), (False, "")]
    assert mode(dest) == 0o600 and mode(dest.parent) == 0o700
    assert yaml.safe_load(dest.read_text())["current-context"] == "kubernetes-admin@lab"
    # The connection has been that ssh, which before ansible-core 2.22 shows what it fetched unless there is no_log
    assert "SSH: EXEC" in more
    key = base64.b64decode(yaml.safe_load(admin_conf)["users"][0]["user"]["client-key-data"]).decode()
    secrets = [key.splitlines()[1], base64.b64encode(key.encode()).decode()[60:100]]
    # Of the whole file, at any of the three offsets that base64 has
    secrets += [base64.b64encode(admin_conf.encode()[offset:]).decode()[-120:-60] for offset in range(3)]
    assert not [secret for secret in secrets if secret in said + more]


def test_what_differs_on_the_controller_is_written(tmp_path: Path, src: Path) -> None:
    dest = tmp_path / "dest"
    dest.write_text("ssh-ed25519 AAAA student-of-seat07")
    [first], _said = run(tmp_path, [admin(src, dest)])
    assert (first["changed"], first["reason"]) == (True, "its content is another")
    content = dest.read_text()
    dest.chmod(0o644)
    [second], _said = run(tmp_path, [admin(src, dest)])
    assert (second["reason"], mode(dest), dest.read_text()) == ("its mode is another", 0o600, content)


def test_a_kubeconfig_that_runs_a_program_is_rejected(tmp_path: Path, admin_conf: str) -> None:
    document = yaml.safe_load(admin_conf)
    document["users"][0]["user"]["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/tmp/x"}
    (tmp_path / "src").write_text(yaml.safe_dump(document))
    (tmp_path / "large").write_text("x" * ((1 << 20) + 10))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "valid").write_text(admin_conf)
    dest = tmp_path / "new" / "dest"
    found, _said = run(tmp_path, [
        admin(tmp_path / "src", dest), admin(tmp_path / "large", dest), admin(tmp_path / "bytes", dest),
        admin(tmp_path / "none", dest), admin(tmp_path / "valid", tmp_path / "link"),
        admin(tmp_path / "valid", tmp_path / "valid" / "below"),
        admin(tmp_path / "valid", dest, kubeconfig={**ADMIN, "server": "192.0.2.11:6443"}),
    ])
    for result, words in zip(found, (
        "found users[].user.'exec'. Restore", "is too large: expected at most 1048576 bytes", "is not text: expected",
        "cannot be read on the host: ", "expected a regular file, found a link",
        "expected a directory, found a regular file",
        "the server 'https://192.0.2.10:6443' instead of https://192.0.2.11:6443",
    ), strict=True):
        assert words in result.get("msg", ""), result
        assert "Nothing was changed." in result["msg"]
    assert not dest.parent.exists() and (tmp_path / "precious").read_text() == "precious"


def answers(tmp_path: Path, number: int, result: Any) -> dict[str, Any]:
    """A host whose Python answers each module with the same text."""
    answer = tmp_path / f"answer-{number}"
    answer.write_text(json.dumps(result))
    script = f"#!/bin/sh\nexec cat {answer}\n"
    return {"ansible_python_interpreter": program(tmp_path / f"python-{number}", script)}


def test_a_host_that_answers_anything_is_rejected(tmp_path: Path) -> None:
    hostile: list[tuple[Any, str]] = [
        ({"content": ["x"]}, "no content was returned"),
        ({"content": "\u00e9"}, "is not text"),
        ({"failed": True, "msg": ["\x1b[2J" + "x" * 1000]}, "cannot be read on the host: "),
        ({"content": "A" * 2000000}, "is too large"),
        ({"content": "", "warnings": "\x1b[2J", "ansible_facts": [1]}, "Nothing was changed."),
        ({"content": "", "warnings": ["\x1b[2J"], "ansible_facts": {"kubeconfig": "/etc"}},
         "a text that is no kubeconfig"),
    ]
    dest = tmp_path / "new" / "dest"
    found, said = run(tmp_path, [admin(tmp_path / "src", dest)] * len(hostile), variables_of=[
        answers(tmp_path, number, answer) for number, (answer, _words) in enumerate(hostile)])
    for result, (_answer, words) in zip(found, hostile, strict=True):
        assert result["failed"] and words in result["msg"] and len(result["msg"]) < 1500, result
        assert "ansible_facts" not in result
    assert "\x1b" not in said and not dest.parent.exists()


@pytest.mark.parametrize("check", [True, False])
def test_only_the_file_of_this_cluster_is_removed(tmp_path: Path, src: Path, check: bool) -> None:
    own, other, link, text = (tmp_path / "new" / name for name in ("own", "other", "link", "text"))
    own.parent.mkdir()
    run(tmp_path, [admin(src, own), admin(src, other)])
    link.symlink_to(other)
    text.write_text("no kubeconfig at all")
    stranger = {**ADMIN, "cluster": "lab-2"}

    def absent(path: Path, **more: Any) -> dict[str, Any]:
        return {"format": "kubeconfig", "dest": str(path), "state": "absent", **more}

    found, _said = run(tmp_path, [
        absent(own, kubeconfig=ADMIN), absent(other, kubeconfig=stranger), absent(link), absent(text, kubeconfig=ADMIN),
        absent(own.parent / "none"), absent(own.parent / "none" / "none"), absent(own.parent),
    ], *(["--check"] if check else []))
    assert [result["changed"] for result in found] == [True, False, True, True, False, False, False]
    assert "of another cluster or user, and stays" in found[1]["reason"]
    assert "expected a regular file, found a directory" in found[6]["msg"]
    assert sorted(os.listdir(own.parent)) == (["link", "other", "own", "text"] if check else ["other"])


def test_a_certificate_comes_from_a_file_or_from_a_result(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "two").write_text(authority.pem * 2)
    certificate, key = authority.issue("server", "/CN=utility")
    dest = tmp_path / "new" / "ca.crt"

    def given(**more: Any) -> dict[str, Any]:
        return {"format": "ca_certificate", "dest": str(dest), "mode": "0644", **more}

    rejected, _said = run(tmp_path, [
        given(src=str(tmp_path / "two")), given(src=str(certificate)), given(src=str(key)), given(content=""),
        given(content="127.0.0.1 evil\n" + authority.pem)])
    for result in rejected:
        assert "is rejected: expected one CA certificate as PEM" in result["msg"]
    assert not dest.parent.exists()
    found, _said = run(tmp_path, [given(content=authority.pem), given(src=str(authority.directory / "ca.crt"))])
    assert [result["changed"] for result in found] == [True, False]
    assert {result["certificate"] for result in found} == {authority.pem}
    assert dest.read_text() == authority.pem and mode(dest) == 0o644


def archive(path: Path, *members: tuple[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as written:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            written.addfile(info, io.BytesIO(content))


def harvest(place: Path, to: Path, name: str = "2026-11-21T110502Z/node1", **more: Any) -> dict[str, Any]:
    return {"format": "harvest", "src": str(place), "directory": str(to), "dest": name,
            "harvest": {"directories": ["/root", "/home"], "max_mb": 1,
                        "contents": {"machine": "node1", "files": 2}, **more}}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "classroom-harvest.1"
    found.mkdir()
    archive(found / "files.tar.gz", ("home/anna/work", b"work"), ("etc/cron.d/x", b"evil"))
    archive(found / "objects.tar.gz", ("student.json", b'{"kind": "Namespace"}\n'))
    return found


def test_a_harvest_is_new_and_complete(tmp_path: Path, place: Path) -> None:
    to = tmp_path / "harvest"
    [checked], _said = run(tmp_path, [harvest(place, to, objects=True)], "--check")
    assert checked["changed"] and not to.exists()
    found, _said = run(tmp_path, [
        harvest(place, to, objects=True), harvest(place, to), harvest(place, to, "date/node2")])
    assert found[0]["namespaces"] == ["student"] and found[2]["namespaces"] == []
    assert found[0]["strangers"] == ["'etc/cron.d/x': outside of the harvested directories"]
    assert found[1]["failed"] and "an earlier harvest is never overwritten" in found[1]["msg"]
    done = to / "2026-11-21T110502Z" / "node1"
    assert sorted(str(path.relative_to(done)) for path in done.rglob("*")) == [
        "contents.yml", "files.tar.gz", "objects", "objects/student.yml"]
    assert (done / "files.tar.gz").read_bytes() == (place / "files.tar.gz").read_bytes()
    assert {mode(path) for path in to.rglob("*")} == {0o600, 0o700}
    assert yaml.safe_load((done / "contents.yml").read_text()) == {
        "machine": "node1", "files": 2, "strangers": found[0]["strangers"]}
    assert sorted(os.listdir(to / "date" / "node2")) == ["contents.yml", "files.tar.gz"]


def test_a_harvest_goes_nowhere_else(tmp_path: Path, place: Path) -> None:
    to, elsewhere = tmp_path / "harvest", tmp_path / "elsewhere"
    archive(place / "objects.tar.gz", ("../../../../site.json", b"{}\n"))
    damaged = tmp_path / "damaged"
    for directory in (elsewhere, to, damaged):
        directory.mkdir()
    (damaged / "files.tar.gz").write_bytes((place / "files.tar.gz").read_bytes()[:-20])
    (to / "link").symlink_to(elsewhere)
    found, _said = run(tmp_path, [
        harvest(place, to, objects=True), harvest(place, to, "../outside/node1"), harvest(place, to, "link/node1"),
        harvest(tmp_path / "none", to), harvest(Path("/var/tmp/x\n!touch /tmp/x"), to), harvest(Path("/var/tmp/*"), to),
        harvest(Path("/var/../tmp"), to), harvest(place, to, max_mb=1 << 40), harvest(damaged, to),
    ])
    for result, words in zip(found, (
        "found that a member '../../../../site.json' that is not one file", "Invalid file name", "found a link",
        "was not transferred", "Invalid src", "Invalid src", "Invalid src", "MiB free",
        "found that it is damaged or cut off",
    ), strict=True):
        assert words in result.get("msg", ""), result
    assert not list(tmp_path.rglob("site.*")) and os.listdir(elsewhere) == []
    # Of what was rejected nothing is left
    assert [path for path in to.rglob("*") if not path.is_dir()] == []
    assert os.listdir(to / "2026-11-21T110502Z") == []


SFTP = """#!{python}
import shlex, sys
_get, src, dest = shlex.split(sys.stdin.read())
with open(dest, "wb", buffering=0) as stream:
    {action}
"""


def test_a_transfer_of_a_hostile_host_is_limited(tmp_path: Path, place: Path) -> None:
    hostile = [
        ("while True: stream.write(bytes(1 << 20))", "is too large for the controller: expected less than 33 MiB"),
        ("sys.exit('no sftp here')", "no sftp here"),
        ("stream.write(b'no archive')", "is rejected: expected archives"),
    ]
    calls = tmp_path / "calls"
    # What `smart` would fall back to
    scp = program(tmp_path / "scp", f"#!/bin/sh\necho scp >> {calls}\nexit 1\n")
    ssh = program(tmp_path / "ssh", f"#!/bin/sh\necho ssh >> {calls}\nexit 1\n")
    to = tmp_path / "harvest"
    found, said = run(tmp_path, [harvest(place, to)] * len(hostile), variables_of=[{
        "ansible_connection": "ssh", "ansible_ssh_args": "", "ansible_ssh_retries": 0,
        "ansible_sftp_executable": program(
            tmp_path / f"sftp-{number}", SFTP.format(python=sys.executable, action=action)),
        "ansible_scp_executable": scp, "ansible_ssh_executable": ssh,
    } for number, (action, _words) in enumerate(hostile)])
    for result, (_action, words) in zip(found, hostile, strict=True):
        assert words in result.get("msg", ""), result
    assert not calls.exists() and [path for path in to.rglob("*") if not path.is_dir()] == []
    assert not re.search("traceback", said, re.IGNORECASE)


def test_bad_options_are_told(tmp_path: Path, src: Path) -> None:
    dest = tmp_path / "new" / "dest"
    without = {key: value for key, value in ADMIN.items() if key != "server"}
    found, _said = run(tmp_path, [
        admin(src, dest, mode="rw"), {"format": "kubeconfig", "src": str(src), "dest": str(dest)},
        admin(src, dest, kubeconfig=without), {"format": "kubeconfig", "dest": str(dest), "kubeconfig": ADMIN},
        {"format": "harvest", "src": str(tmp_path), "dest": str(dest)}, {"src": str(src), "dest": str(dest)},
        {"format": "ca_certificate", "dest": str(dest)}, admin(src, dest, content="x"), admin(src, Path("/")),
    ])
    for result, words in zip(found, (
        "found 'rw'", "expected kubeconfig, found none", "expected kubeconfig.server", "expected src",
        "expected harvest", "missing required arguments: format", "expected src", "mutually exclusive",
        "Invalid file name",
    ), strict=True):
        assert words in result.get("msg", ""), result
    assert not dest.parent.exists()


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a documentation or a specification, in the words of the latter."""
    found: dict[str, Any] = {}
    for name, option in options.items():
        inner = option.get("suboptions") or option.get("options")
        kept = {key: value for key, value in option.items() if key not in ("description", "suboptions", "options")}
        found[name] = {**kept, "options": plain(inner)} if inner else kept
    return found


def test_the_documentation_has_the_options() -> None:
    assert plain(yaml.safe_load(DOCUMENTATION)["options"]) == plain(SPEC)
