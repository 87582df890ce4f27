# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merge the findings of an audit on each host, and add those that only a comparison of hosts shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._boundary.convert import FOREIGN, fits
from .duplicates import shared

NOT_AUDITED = "not audited"
SAME = "same"
RESIDUE = "residue"
HYGIENE = "hygiene"
DRIFT = "drift"
SECTIONS = (NOT_AUDITED, SAME, RESIDUE, HYGIENE, DRIFT)
COLUMNS = ("host", "section", "kind", "subject")
# What the roles call the results of their one task
DRIFT_RESULTS = {
    "host_result": "host_settings", "host_interfaces_result": "host_interfaces", "firewall_result": "host_firewalld",
    "containerd_result": "package_service", "crio_result": "package_service", "kubernetes_result": "package_service"}
SITE_CHECK = "ansible-playbook classroom.kubeadm.site --check --diff --limit {0}"
PACKAGE_RESULTS = ("containerd_result", "crio_result", "kubernetes_result")
# The commands that show a change, by its kind. Of two kinds that match, the longer one comes first.
SHOWN_BY = {
    "packages": "dpkg --audit",
    "kernel setting": "sysctl {0}",
    "time service": "systemctl status {0}",
    "kernel module": "lsmod | grep -w {0}",
    "daemon-reload": "systemctl list-units --type service",
    "host name": "hostnamectl",
    "firewalld": "firewall-cmd --list-all-zones",
    "package": "dpkg-query --show {0}",
    "time server": "chronyc -n sources",
    "selinux": "getenforce",
    "profile": "nmcli connection show",
    "service": "systemctl status {0}",
    "disable": "systemctl is-enabled {0}",
    "enable": "systemctl is-enabled {0}",
    "restart": "systemctl status {0}",
    "reload": "systemctl status {0}",
    "start": "systemctl status {0}",
    "stop": "systemctl status {0}",
    "file": "cat {0}",
    "hold": "apt-mark showhold {0}",
    "mode": "stat --format %a {0}",
    "swap": "swapon --show",
}
# The same in the Red Hat family, where it is another command
SHOWN_BY_REDHAT = {
    "packages": "dnf check",
    "package": "rpm --query {0}",
    "hold": "grep exclude= /etc/yum.repos.d/*.repo",
}


def audit_report(hostvars: Mapping[str, Any], machines: Sequence[str]) -> dict[str, Any]:
    """Return the whole report; see the DOCUMENTATION of the filter."""
    names = list(dict.fromkeys(machines))
    results = {name: _result(hostvars, name, "audit_result") for name in names}
    foreign = {name for name, result in results.items() if not fits("residue_info", result)}
    results.update({name: {"msg": FOREIGN} for name in foreign})
    audited = {name: result for name, result in results.items() if "residue" in result}
    identities = {name: result.get("identity") or {} for name, result in audited.items()}
    found = [*_not_audited(results), *_same(identities)]
    table = {}
    for name in names:
        prepared = _prepared(hostvars, name) if name in audited else None
        table[name] = {
            "audited": name in audited,
            "cluster": results[name].get("cluster", ""),
            "prepared": prepared,
            "identity": identities.get(name, {}),
        }
        if name in audited:
            found += _own(name, results[name])
            if prepared is not False or results[name].get("cluster") != "none":
                found += _drift(hostvars, name)
    place = {name: number for number, name in enumerate(names)}
    findings = sorted(found, key=lambda each: (place[each["host"]], SECTIONS.index(each["section"])))
    return {
        "findings": findings,
        "machines": table,
        "counts": _counts(findings),
        "lines": _lines(findings, len(audited), len(names)),
    }


def _finding(host: str, section: str, kind: str, subject: str, command: str, reason: str) -> dict[str, str]:
    return {
        "host": host, "section": section, "kind": kind, "subject": subject, "command": command, "reason": reason}


def _result(hostvars: Mapping[str, Any], name: str, result: str) -> Mapping[str, Any]:
    """Return the registered result of a task on a host, empty if it did not run.

    It is looked up by name, because a loop over all variables of a host would evaluate them all.
    """
    found = hostvars.get(name, {}).get(result)
    return found if isinstance(found, Mapping) else {}


def _not_audited(results: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for name, result in results.items():
        if "residue" not in result:
            kind = "unreachable" if result.get("unreachable") else "failed"
            yield _finding(name, NOT_AUDITED, kind, name, f"ansible {name} -m ansible.builtin.ping",
                           _last_words(str(result.get("msg") or "")) or "it gave no result")


def _last_words(message: str) -> str:
    """Return the message of ssh, which is at the end of Ansible's own message."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1][max(lines[-1].rfind("ssh: "), 0):].rstrip(".") if lines else ""


def _same(identities: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield for every host what it shares with others: one finding for each kind and group of hosts."""
    for each in shared(identities):
        yield _finding(each.host, SAME, each.kind, each.subject, each.command,
                       "the same on {}: {}".format(", ".join(each.others), each.reason))


def _own(name: str, result: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for section, key in ((RESIDUE, "residue"), (HYGIENE, "hygiene")):
        for each in result.get(key) or ():
            yield _finding(name, section, each["kind"], each["subject"], each["command"], each["reason"])


def _prepared(hostvars: Mapping[str, Any], name: str) -> bool | None:
    """Return whether any package of the roles is installed, None if the roles did not run."""
    results = [_result(hostvars, name, result) for result in PACKAGE_RESULTS]
    asked = [result for result in results if "versions" in result and fits("package_service", result)]
    return any(result["versions"] for result in asked) if asked else None


def _drift(hostvars: Mapping[str, Any], name: str) -> Iterator[dict[str, str]]:
    """Yield the changes that the roles would make, and the errors that prevented the comparison."""
    facts = hostvars.get(name, {}).get("ansible_facts")
    machine = facts.get("classroom_machine") if isinstance(facts, Mapping) else None
    redhat = isinstance(machine, Mapping) and machine.get("os_family") == "redhat"
    shown_by = {**SHOWN_BY, **(SHOWN_BY_REDHAT if redhat else {})}
    for result, module in DRIFT_RESULTS.items():
        found = _result(hostvars, name, result)
        if not fits(module, found):
            yield _finding(name, DRIFT, "not compared", "settings", SITE_CHECK.format(name), FOREIGN)
            continue
        for change in (*(found.get("changes") or ()), *(found.get("findings") or ())):
            title, _separator, reason = change.partition(": ")
            kind = next((action for action in SHOWN_BY if title.startswith(action + " ")), title)
            subject = title[len(kind):].strip()
            yield _finding(name, DRIFT, kind, subject, shown_by.get(kind, "").format(subject), reason)
    failure = _result(hostvars, name, "_audit_failure")
    if failure:
        yield _finding(
            name, DRIFT, "not compared", "settings",
            SITE_CHECK.format(name),
            # A step that is done once for all machines fails with words on one of them only.
            " ".join(str(failure.get("msg") or "see another machine for what failed for all").split()).rstrip("."))


def _counts(findings: Iterable[Mapping[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding["section"]] = counts.get(finding["section"], 0) + 1
    return {section: counts[section] for section in SECTIONS if section in counts}


def _lines(findings: Sequence[Mapping[str, str]], audited: int, wanted: int) -> list[str]:
    """Return aligned lines; the column of variable length is the last."""
    widths = {column: max((len(finding[column]) for finding in findings), default=0) for column in COLUMNS}
    lines = []
    for finding in findings:
        cells = ["{0:<{1}}".format(finding[column], widths[column]) for column in COLUMNS]
        lines.append("{}  {}  [{}]".format("  ".join(cells), finding["reason"], finding["command"]))
    return [*lines, _closing(findings, audited, wanted)]


def _closing(findings: Sequence[Mapping[str, str]], audited: int, wanted: int) -> str:
    machines = f"{audited} of {wanted} machines audited"
    if not findings:
        return f"clean: {machines}, nothing found"
    hosts = {finding["host"] for finding in findings}
    counted = ", ".join(f"{number} {section}" for section, number in _counts(findings).items())
    return "{} finding{} on {} machine{} ({}); {}".format(
        len(findings), "s"[: len(findings) > 1], len(hosts), "s"[: len(hosts) > 1], counted, machines)
