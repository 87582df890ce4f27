# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put together what enrolling found on each host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .._boundary.convert import FOREIGN, fits
from .._enroll.ssh_probe import KEY, PASSWORD, connection_advice
from .duplicates import shared

READY = "ready"
NOT_READY = "not ready"
NOTHING = "-"
HEADS = {"host": "machine", "state": "state", "login": "login", "sudo": "sudo", "python": "python", "reason": "why"}
SUDO = {"root": "not needed", "free": "without password", "asks": "with password", "missing": "missing"}
# The oldest version for modules, as the minimum of the supported ansible-core versions.
PYTHON = (3, 9)


def enroll_report(hostvars: Mapping[str, Any], machines: Sequence[str]) -> dict[str, Any]:
    """Return the whole table; see the DOCUMENTATION of the filter."""
    names = sorted(dict.fromkeys(machines), key=_natural)
    results = {name: _Results(hostvars.get(name, {})) for name in names}
    clones = _clones({name: result.identity for name, result in results.items()})
    rows, problems = [], {}
    for name, result in results.items():
        reasons = [*filter(None, [result.problem()]), *(each.message for each in clones.get(name, ()))]
        rows.append({
            "host": name, "state": NOT_READY if reasons else READY, "login": result.login, "sudo": result.sudo,
            "python": result.said.get("python", NOTHING), "reason": " ".join(reasons)})
        if reasons:
            problems[name] = " ".join([*reasons, *(each.remedy for each in clones.get(name, ()))])
    return {"rows": rows, "problems": problems, "lines": [*_table(rows), "", *_closing(rows, results)]}


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders seat2 before seat10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


class _Results:
    """The registered results of one host, looked up by name, because all its variables would be evaluated otherwise."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        def found(name: str) -> Mapping[str, Any]:
            value = variables.get(name)
            return value if isinstance(value, Mapping) else {}

        self.contact, self.probe = (found("__enroll_" + name) for name in ("contact", "probe"))
        self.sudo_result, self.again = found("__enroll_sudo"), found("__enroll_key_login")
        self.end = found("_enroll_result")
        self.sudoers = found("__enroll_sudoers")
        self.said = dict(line.split("=", 1) for line in self.probe.get("stdout_lines", ())
                         if line.startswith(("python=", "sudo=")))
        of_contact = {"ssh_host_keys": self.contact.get("host_keys") or {}}
        identity = found("__enroll_identity")
        self.foreign = not fits("host_identity_info", identity)
        self.identity = {**of_contact, **({} if self.foreign else identity.get("identity") or {})}

    @property
    def user(self) -> str:
        return str(self.contact.get("user", ""))

    @property
    def login(self) -> str:
        if self.contact.get("state") != PASSWORD:
            return str(self.contact.get("state", NOTHING))
        return "key installed" if self.again.get("state") == KEY else "password"

    @property
    def sudo(self) -> str:
        if self.sudo_result.get("failed"):
            return "refused"
        if self.sudoers.get("changed"):
            return SUDO["free"]
        return SUDO.get(self.said.get("sudo", ""), NOTHING)

    def problem(self) -> str:
        """Return the message of the first problem; the steps after it were not tried."""
        return self._of_contact() or self._of_login() or self._of_machine()

    def _of_contact(self) -> str:
        if not self.contact or self.contact.get("failed"):
            return str(self.contact.get("msg") or "It was not checked.")
        return str(self.contact.get("problem", ""))

    def _of_login(self) -> str:
        if self.probe.get("unreachable"):
            words = _last_line(str(self.probe.get("msg", "")))
            if "Permission denied" in words:
                return (f"The password of {self.user} is wrong: expected a login with it, found that it is rejected. "
                        "It was tried once. Run this again with the correct password and --limit.")
            return f"The login as {self.user} fails: {words}. {connection_advice(words)}".rstrip()
        if not self.probe or self.probe.get("skipped"):
            return (f"The password of {self.user} is missing: expected one from a prompt or --ask-pass, found none. "
                    "Run this in a terminal, where it is prompted for, or with --ask-pass.")
        if "sudo" not in self.said:
            return "The login as {} fails: expected a shell, found: {}.".format(
                self.user, _last_line("{}\n{}".format(self.probe.get("stderr", ""), self.probe.get("stdout", ""))))
        return ""

    def _of_machine(self) -> str:
        return _of_python(self.said.get("python", "none")) or self._of_sudo() or self._of_end()

    def _of_sudo(self) -> str:
        if self.said["sudo"] == "missing":
            return (f"{self.user} cannot become root: expected sudo, found no sudo. Install it and allow it for this "
                    "user, or log in as root.")
        if not self.sudo_result.get("failed"):
            return ""
        return ("{} cannot become root: expected sudo to work, found that it asks for a password and: {}. Enter one "
                "with --ask-become-pass, or allow the user to use sudo on the host.".format(
                    self.user, _last_line(str(self.sudo_result.get("msg", "")))))

    def _of_end(self) -> str:
        if self.foreign:
            return f"The host was not compared with the others: {FOREIGN}."
        if not self.end:
            return "It stopped responding. Try again."
        if self.end.get("problem"):
            return " ".join(str(self.end["problem"]).split())
        if self.again.get("state", KEY) != KEY:
            found = self.again.get("problem") or "The host still asks for a password."
            return (f"The login with the key fails although it was just installed. {found} A key with a passphrase has "
                    "to be in ssh-agent.")
        return ""


def _of_python(version: str) -> str:
    try:
        new_enough = tuple(int(part) for part in version.split(".")[:2]) >= PYTHON
    except ValueError:
        new_enough = False
    if new_enough:
        return ""
    return ("Python is missing or too old: expected {}.{} or newer for Ansible's modules, found {}. Install it "
            "('apt-get install python3', 'dnf install python3'), or set ansible_python_interpreter to another "
            "one.".format(*PYTHON, version))


def _last_line(text: str) -> str:
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    return lines[-1].replace("Task failed: ", "") if lines else "no output"


class _Clone(NamedTuple):
    """The identifiers that a host shares with others, as a message and a fix."""

    message: str
    remedy: str


def _clones(identities: Mapping[str, Mapping[str, Any]]) -> dict[str, list[_Clone]]:
    """Return for each host one clone message for each group of hosts with the same identifiers."""
    common: dict[str, dict[tuple[str, ...], list[tuple[str, str]]]] = {}
    for each in shared(identities):
        common.setdefault(each.host, {}).setdefault(each.others, []).append((each.kind, each.reason))
    return {
        host: [
            _Clone("It is a clone of {}, or the other way round: the same {}.".format(
                ", ".join(others), " and ".join(kind for kind, _reason in kinds)),
                " ".join("{}: {}.".format(*pair) for pair in kinds))
            for others, kinds in groups.items()]
        for host, groups in common.items()
    }


def _table(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield aligned lines; the column of variable length is the last."""
    columns = [column for column in HEADS if column != "reason"]
    widths = {column: max(len(row[column]) for row in [HEADS, *rows]) for column in columns}
    for row in [HEADS, *rows]:
        cells = ["{0:<{1}}".format(row[column], widths[column]) for column in columns]
        yield "  ".join([*cells, row["reason"]]).rstrip()


def _closing(rows: Sequence[Mapping[str, str]], results: Mapping[str, _Results]) -> Iterator[str]:
    missing = [row["host"] for row in rows if row["reason"]]
    yield "{} of {} machines ready{}".format(
        len(rows) - len(missing), len(rows), "; not ready: " + ", ".join(missing) if missing else "")
    asking = [row["host"] for row in rows if not row["reason"] and row["sudo"] == SUDO["asks"]]
    if asking:
        yield "site.yml needs --ask-become-pass, because sudo asks for a password on: " + ", ".join(asking)
    recorded = [name for name, result in results.items() if result.contact.get("recorded")]
    if recorded:
        yield ("First contact: the host keys of {} were trusted on first use; compare them with 'ssh-keygen -l' at the "
               "console of the host".format(", ".join(recorded)))
