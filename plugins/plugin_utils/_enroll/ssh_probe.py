# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first words with a machine: who it says it is, and by what it lets us in. Everything is said by ssh itself.

So the same configuration, names and files count as for every later playbook. No password is sent from here.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed, Runner

# What a machine does: it lets the key in, asks for a password, or there is a problem
KEY = "key"
PASSWORD = "password"
SILENT = "no answer"
DIFFERS = "another host key"
UNKNOWN = "not recorded"
SHUT = "no way in"

_DENIED = re.compile(r"Permission denied \(([^)]*)\)")
_SENT = re.compile(r"key sent by the remote host is\s+(\S+?)\.?\s")
_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_NOT_KNOWN = "Host key verification failed"
# In the order of preference: one of them only, since a wrong password would count once for each
_PASSWORD_METHODS = ("password", "keyboard-interactive")
# Nobody is asked, nothing is written, and no connection of an earlier run is borrowed: that would not have shown a key
_ALONE = ("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ControlMaster=no", "ControlPath=none",
          "PreferredAuthentications=publickey")


@dataclass(frozen=True)
class Ssh:
    """How the machine is reached: the program, and the arguments that the inventory and ansible.cfg give it."""

    executable: str
    arguments: tuple[str, ...]
    host: str
    timeout: int

    def argv(self, *options: str, command: Sequence[str] = ()) -> list[str]:
        """For ssh the first of several values counts."""
        ours = [word for option in options for word in ("-o", option)]
        return [self.executable, *ours, *self.arguments, self.host, *command]


@dataclass(frozen=True)
class SshConfig:
    """What ssh makes of these arguments and a person's own configuration."""

    hostname: str
    port: str
    user: str
    known_as: str
    files: tuple[str, ...]
    identities: tuple[str, ...]
    proxied: bool


@dataclass(frozen=True)
class Contact:
    """What came of it. `problem` is a sentence for a person, empty where there is a way in."""

    state: str
    user: str
    problem: str = ""
    method: str = ""
    public_key: str = ""
    recorded: tuple[str, ...] = ()
    known_hosts: str = ""
    host_keys: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "recorded": list(self.recorded), "host_keys": dict(self.host_keys)}


def make_contact(ssh: Ssh, run: Runner, *, record: bool) -> Contact:
    """Knock; write the host keys of a machine down that was never seen, unless `record` is false; try the key."""
    road = read_road(run([ssh.executable, "-G", *ssh.argv()[1:]], check=False))
    knock = _knock(ssh, run)
    lines = known_lines(road, run)
    recorded: tuple[str, ...] = ()
    if _NOT_KNOWN in knock.err and not lines:
        if road.proxied:
            return Contact(UNKNOWN, road.user, problem=(
                f"Wanted its host key in {road.files[0]}, found none, and a machine behind a jump host is not scanned. "
                "Log in to it "
                f"once with 'ssh {ssh.host}', compare the fingerprint, and run this again."))
        scanned = scan(road, ssh, run)
        if not scanned:
            return Contact(SILENT, road.user, problem=_silence(road, knock, "it did not tell its host keys"))
        lines = scanned
        if not record:
            return Contact(UNKNOWN, road.user, recorded=fingerprint_list(scanned), known_hosts=road.files[0],
                           host_keys=fingerprints(scanned),
                           problem="It answers. In check mode its host keys are not recorded, and nobody logs in.")
        append(road.files[0], scanned)
        recorded = fingerprint_list(scanned)
        knock = _knock(ssh, run)
    found = replace(evaluate(knock, road), host_keys=fingerprints(lines), recorded=recorded, known_hosts=road.files[0])
    return replace(found, public_key=_public_key(road))


def _knock(ssh: Ssh, run: Runner) -> Completed:
    """One connection with a bounded time; a machine that stops in the middle of its words is bounded as well."""
    return run(ssh.argv(*_ALONE, f"ConnectTimeout={ssh.timeout}", command=["true"]),
               timeout=3 * ssh.timeout + 5, check=False)


def read_road(told: Completed) -> SshConfig:
    """The answer of `ssh -G`."""
    settings: dict[str, list[str]] = {}
    for line in told.out.splitlines():
        name, _blank, value = line.partition(" ")
        settings.setdefault(name, []).append(value)

    def one(name: str, default: str = "") -> str:
        return settings.get(name, [default])[0]

    port = one("port", "22")
    name = one("hostkeyalias") or (one("hostname") if port == "22" else "[{}]:{}".format(one("hostname"), port))
    return SshConfig(
        hostname=one("hostname"), port=port, user=one("user"), known_as=name,
        files=tuple(map(os.path.expanduser, one("userknownhostsfile", "~/.ssh/known_hosts").split())),
        identities=tuple(map(os.path.expanduser, settings.get("identityfile", ()))),
        proxied=any(one(name, "none") != "none" for name in ("proxyjump", "proxycommand")),
    )


def known_lines(road: SshConfig, run: Runner) -> list[str]:
    """What is recorded of the machine; ssh-keygen also finds names that are hashed."""
    found: list[str] = []
    for file in road.files:
        if os.path.exists(file):
            told = run(["ssh-keygen", "-F", road.known_as, "-f", file], check=False).out
            found += [line for line in told.splitlines() if line and not line.startswith("#")]
    return found


def scan(road: SshConfig, ssh: Ssh, run: Runner) -> list[str]:
    """All host keys that the machine serves. With one only, ssh would add the others by itself, from many processes."""
    told = run(["ssh-keyscan", "-T", str(ssh.timeout), "-p", road.port, road.hostname],
               timeout=3 * ssh.timeout + 5, check=False)
    lines = (line.split() for line in told.out.splitlines() if not line.startswith("#"))
    return sorted({" ".join((road.known_as, *words[1:3])) for words in lines if len(words) >= 3})


def append(file: str, lines: Iterable[str]) -> None:
    """In one piece: other machines are recorded at the same moment."""
    os.makedirs(os.path.dirname(os.path.abspath(file)), mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        there = stream.read()
        stream.write("\n"[: bool(there) and not there.endswith("\n")] + "".join(line + "\n" for line in lines))


def fingerprints(lines: Iterable[str]) -> dict[str, str]:
    """Of lines of a known_hosts file, by the type of the key, as `ssh-keygen -l` writes them."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) >= 3 and not words[0].startswith("@"):
            try:
                digest = hashlib.sha256(base64.b64decode(words[2], validate=True)).digest()
            except ValueError:
                continue
            found[words[1]] = "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")
    return found


def fingerprint_list(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple("{} {}".format(*pair) for pair in sorted(fingerprints(lines).items()))


def evaluate(knock: Completed, road: SshConfig) -> Contact:
    """What the machine's answer to a login with the key means."""
    if knock.rc == 0:
        return Contact(KEY, road.user)
    if _NOT_KNOWN in knock.err:
        return Contact(DIFFERS, road.user, problem=_difference(knock, road))
    denied = _DENIED.search(knock.err)
    if denied:
        offered = denied.group(1).split(",")
        method = next((each for each in _PASSWORD_METHODS if each in offered), "")
        if method:
            return Contact(PASSWORD, road.user, method=method)
        return Contact(SHUT, road.user, problem=(
            "Wanted a login as {} with the key or a password, found that its sshd takes {} only, and not this key. "
            "Put the key there from its console, or allow PasswordAuthentication there for now.".format(
                road.user, ", ".join(offered))))
    if knock.rc in (124, 255):
        return Contact(SILENT, road.user, problem=_silence(road, knock, "it did not answer"))
    return Contact(SHUT, road.user, problem=(
        "Wanted a shell for {}, found that the login ends with {}: {}. See to the user's shell on the "
        "machine.".format(road.user, knock.rc, _last_line(knock) or "no words")))


def _difference(knock: Completed, road: SshConfig) -> str:
    """Nothing is sent to a machine that is not who it was."""
    sent = _SENT.search(knock.err)
    # A name in two files has to be forgotten in both
    forget = " and ".join(f"'ssh-keygen -R {road.known_as} -f {file}'"
                          for file in road.files if os.path.exists(file))
    return ("Wanted the host key that is recorded for {}, found {}{}. No password was sent. If the machine was made "
            "anew, forget the former one with {} and run this again; if not, somebody else answers there.".format(
                road.known_as, "another one" if _CHANGED in knock.err else "one of another type or a revoked one",
                ", " + sent.group(1) if sent else "", forget))


def _silence(road: SshConfig, knock: Completed, otherwise: str) -> str:
    found = _last_line(knock) or otherwise
    return "Wanted an answer of ssh at {} port {}, found: {}. {}".format(
        road.hostname, road.port, found,
        hung_up(found) or "See that the machine runs and that its address is right.")


def hung_up(words: str) -> str:
    """What to do where sshd answers with nothing: from OpenSSH 9.8 on it does so to those whose logins just failed.

    sshd_config(5), PerSourcePenalties.
    """
    if "Connection closed by" not in words and "Not allowed at this time" not in words:
        return ""
    return "Its sshd may hang up on you for a while after logins that failed: wait a minute, and run this again."


def _last_line(knock: Completed) -> str:
    """ssh's own reason is its last words; what it repeats of host and port stands in our sentence already."""
    lines = [line.strip().rstrip(".") for line in knock.err.splitlines() if line.strip()]
    return re.sub(r"^ssh: connect to host \S+ port \d+: |^ssh: ", "", lines[-1]) if lines else ""


def _public_key(road: SshConfig) -> str:
    """The file that belongs to the first key that ssh would offer."""
    return next((path + ".pub" for path in road.identities if os.path.exists(path + ".pub")), "")
