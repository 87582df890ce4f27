# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record the host keys of a new host and check how to log in, with ssh itself.

So the same configuration, names and files apply as for every later playbook. No password is sent.
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

# The states of a login: the host accepts the key, asks for a password, or there is a problem.
KEY = "key"
PASSWORD = "password"
NO_ANSWER = "no answer"
DIFFERS = "another host key"
UNKNOWN = "not recorded"
SHUT = "no way in"

_DENIED = re.compile(r"Permission denied \(([^)]*)\)")
_SENT = re.compile(r"key sent by the remote host is\s+(\S+?)\.?\s")
_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_NOT_KNOWN = "Host key verification failed"
# In the order of preference. Only one of them is used, because a wrong password would count once for each.
_PASSWORD_METHODS = ("password", "keyboard-interactive")
# Without prompts and writes, and without a connection of an earlier run, which would not have shown a key.
_ALONE = ("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ControlMaster=no", "ControlPath=none",
          "PreferredAuthentications=publickey")


@dataclass(frozen=True)
class Ssh:
    """The ssh program and its arguments from the inventory and ansible.cfg. `timeout` is in seconds."""

    executable: str
    arguments: tuple[str, ...]
    host: str
    timeout: int

    def argv(self, *options: str, command: Sequence[str] = ()) -> list[str]:
        """Return the command line. `options` come first, because ssh uses the first of several values."""
        ours = [word for option in options for word in ("-o", option)]
        return [self.executable, *ours, *self.arguments, self.host, *command]


@dataclass(frozen=True)
class SshConfig:
    """The settings of ssh for a host, from its arguments and the user's own configuration."""

    hostname: str
    port: str
    user: str
    known_as: str
    files: tuple[str, ...]
    identities: tuple[str, ...]
    proxied: bool


@dataclass(frozen=True)
class Contact:
    """The result of a first contact. `problem` is an error message, empty if a login is possible."""

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
    """Try a login with the key, and before it record the host keys of a new host unless `record` is false."""
    config = read_config(run([ssh.executable, "-G", *ssh.argv()[1:]], check=False))
    knock = _knock(ssh, run)
    lines = known_lines(config, run)
    recorded: tuple[str, ...] = ()
    if _NOT_KNOWN in knock.err and not lines:
        if config.proxied:
            return Contact(UNKNOWN, config.user, problem=(
                f"The host key is unknown: expected it in {config.files[0]}, found none, and a host behind a jump host "
                f"is not scanned. Log in to it once with 'ssh {ssh.host}', compare the fingerprint, and try again."))
        scanned = scan(config, ssh, run)
        if not scanned:
            return Contact(NO_ANSWER, config.user, problem=_unreachable(config, knock, "it returned no host keys"))
        lines = scanned
        if not record:
            return Contact(UNKNOWN, config.user, recorded=fingerprint_list(scanned), known_hosts=config.files[0],
                           host_keys=fingerprints(scanned),
                           problem="It answers. In check mode its host keys are not recorded, and there is no login.")
        append(config.files[0], scanned)
        recorded = fingerprint_list(scanned)
        knock = _knock(ssh, run)
    found = replace(
        evaluate(knock, config), host_keys=fingerprints(lines), recorded=recorded, known_hosts=config.files[0])
    return replace(found, public_key=_public_key(config))


def _knock(ssh: Ssh, run: Runner) -> Completed:
    """Try one login within a time limit, also for a host that stops responding in the middle of it."""
    return run(ssh.argv(*_ALONE, f"ConnectTimeout={ssh.timeout}", command=["true"]),
               timeout=3 * ssh.timeout + 5, check=False)


def read_config(told: Completed) -> SshConfig:
    """Return the settings in the output of `ssh -G`."""
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


def known_lines(config: SshConfig, run: Runner) -> list[str]:
    """Return the recorded host keys; ssh-keygen also finds hashed names."""
    found: list[str] = []
    for file in config.files:
        if os.path.exists(file):
            told = run(["ssh-keygen", "-F", config.known_as, "-f", file], check=False).out
            found += [line for line in told.splitlines() if line and not line.startswith("#")]
    return found


def scan(config: SshConfig, ssh: Ssh, run: Runner) -> list[str]:
    """Return all host keys of the host. If only one was recorded, many ssh processes would add the others later."""
    told = run(["ssh-keyscan", "-T", str(ssh.timeout), "-p", config.port, config.hostname],
               timeout=3 * ssh.timeout + 5, check=False)
    lines = (line.split() for line in told.out.splitlines() if not line.startswith("#"))
    return sorted({" ".join((config.known_as, *words[1:3])) for words in lines if len(words) >= 3})


def append(file: str, lines: Iterable[str]) -> None:
    """Append lines to a file under a lock, because other hosts are recorded at the same time."""
    os.makedirs(os.path.dirname(os.path.abspath(file)), mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        there = stream.read()
        stream.write("\n"[: bool(there) and not there.endswith("\n")] + "".join(line + "\n" for line in lines))


def fingerprints(lines: Iterable[str]) -> dict[str, str]:
    """Return the fingerprints of lines of a known_hosts file by the type of the key, as `ssh-keygen -l` writes them."""
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


def evaluate(knock: Completed, config: SshConfig) -> Contact:
    """Return the result of a login with the key."""
    if knock.rc == 0:
        return Contact(KEY, config.user)
    if _NOT_KNOWN in knock.err:
        return Contact(DIFFERS, config.user, problem=_difference(knock, config))
    denied = _DENIED.search(knock.err)
    if denied:
        offered = denied.group(1).split(",")
        method = next((each for each in _PASSWORD_METHODS if each in offered), "")
        if method:
            return Contact(PASSWORD, config.user, method=method)
        return Contact(SHUT, config.user, problem=(
            "The login as {} is not possible: expected a login with the key or a password, found that its sshd accepts "
            "{} only, and not this key. Install the key from its console, or allow PasswordAuthentication there for "
            "now.".format(
                config.user, ", ".join(offered))))
    if knock.rc in (124, 255):
        return Contact(NO_ANSWER, config.user, problem=_unreachable(config, knock, "it did not answer"))
    return Contact(SHUT, config.user, problem=(
        "The login as {} fails: expected a shell, found that it ends with {}: {}. Check the user's shell on the "
        "host.".format(config.user, knock.rc, _last_line(knock) or "no output")))


def _difference(knock: Completed, config: SshConfig) -> str:
    """Return the error message for a host with another host key than the recorded one."""
    sent = _SENT.search(knock.err)
    # A name in two files has to be removed from both.
    forget = " and ".join(f"'ssh-keygen -R {config.known_as} -f {file}'"
                          for file in config.files if os.path.exists(file))
    return ("The host key has changed: expected the one that is recorded for {}, found {}{}. No password was sent. If "
            "the host was reinstalled, remove the former key with {} and try again; otherwise another host answers at "
            "its address.".format(
                config.known_as, "another one" if _CHANGED in knock.err else "one of another type or a revoked one",
                ", " + sent.group(1) if sent else "", forget))


def _unreachable(config: SshConfig, knock: Completed, otherwise: str) -> str:
    found = _last_line(knock) or otherwise
    return "The host is unreachable: expected an answer of ssh at {} port {}, found: {}. {}".format(
        config.hostname, config.port, found,
        connection_advice(found) or "Check that the host is running and that its address is correct.")


def connection_advice(words: str) -> str:
    """Return the advice for a closed connection, empty for other errors.

    From OpenSSH 9.8 on, sshd closes connections of clients whose logins just failed (sshd_config(5),
    PerSourcePenalties).
    """
    if "Connection closed by" not in words and "Not allowed at this time" not in words:
        return ""
    return "Its sshd may close connections for a while after failed logins. Wait a minute and try again."


def _last_line(knock: Completed) -> str:
    """Return ssh's reason, its last line, without host and port, which the message names already."""
    lines = [line.strip().rstrip(".") for line in knock.err.splitlines() if line.strip()]
    return re.sub(r"^ssh: connect to host \S+ port \d+: |^ssh: ", "", lines[-1]) if lines else ""


def _public_key(config: SshConfig) -> str:
    """Return the public key file of the first key that ssh would offer."""
    return next((path + ".pub" for path in config.identities if os.path.exists(path + ".pub")), "")
