# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove packet filter rules of a former cluster: nftables, iptables (both backends), ipsets.

Only chains of Kubernetes or of a network plugin are flushed. In other chains, only rules are removed that jump to such
a chain or carry the mark of a network plugin.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .files import read_networks
from .model import CALICO, CHANGE, CILIUM, CONTAINERD, FLANNEL, KUBERNETES, Finding, Kind, Scan

TABLE, CHAIN, RULE, SET = "nft table", "iptables chain", "iptables rule", "ipset"

_ASTRAY = "it sends or filters packets by the former cluster's Services and pods"
_TABLES = (
    (re.compile(r"kube-proxy$"), KUBERNETES),
    (re.compile(r"flannel-ipv[46]$"), FLANNEL),
    (re.compile(r"calico(-[a-z0-9-]+)?$"), CALICO),
    (re.compile(r"cni_hostport$|cni_plugins_masquerade$"), CONTAINERD),
)
_CHAINS = (
    (re.compile(r"KUBE-[A-Z0-9-]+$"), KUBERNETES),
    (re.compile(r"FLANNEL-[A-Z0-9-]+$"), FLANNEL),
    (re.compile(r"cali-\S+$"), CALICO),
    (re.compile(r"(OLD_)?CILIUM_\S+$"), CILIUM),
    (re.compile(r"CNI-(HOSTPORT-\S+|DN-\S+|SN-\S+|FORWARD|ADMIN|[0-9a-f]{16,})$"), CONTAINERD),
)
# The firewall plugin creates this chain for the administrator, who may have added rules to it.
_ADMINISTRATORS = "CNI-ADMIN"
_COMMENTS = (
    (re.compile(r"cali:"), CALICO),
    (re.compile(r"flanneld (masq|forward)$"), FLANNEL),
    (re.compile(r"cilium[: ]"), CILIUM),
)
_SETS = (
    (re.compile(r"KUBE-[A-Z0-9-]+$"), KUBERNETES),
    (re.compile(r"cali(40|60|4t|6t)\S+$"), CALICO),
    (re.compile(r"cilium_node_set_v[46]$"), CILIUM),
)
# Name in a subject, program, the kernel's list of tables of the old backend, family of nft
_VARIANTS = (
    ("ip", "iptables-nft", "", "ip"),
    ("ip6", "ip6tables-nft", "", "ip6"),
    ("ip legacy", "iptables-legacy", "/proc/net/ip_tables_names", ""),
    ("ip6 legacy", "ip6tables-legacy", "/proc/net/ip6_tables_names", ""),
)
_IPTABLES_TABLES = ("filter", "nat", "mangle", "raw", "security")


# nftables


def nft_tables(scan: Scan) -> list[tuple[str, str]] | None:
    """Return family and name of every table; None when nft is not installed."""
    found = scan.json(["nft", "-j", "list", "tables"])
    return None if found is None else parse_tables(found)


def parse_tables(document: object) -> list[tuple[str, str]]:
    """Parse the output of `nft -j list tables`."""
    entries = document.get("nftables") if isinstance(document, dict) else None
    tables = [entry["table"] for entry in entries or [] if isinstance(entry, dict) and "table" in entry]
    return [(str(table.get("family")), str(table.get("name"))) for table in tables]


def find_tables(scan: Scan) -> Iterator[Finding]:
    """Yield the nftables tables of Kubernetes and of network plugins."""
    for family, name in scan.once(nft_tables) or ():
        owner = _owner(_TABLES, name)
        if owner and not (owner == CONTAINERD and _other_networks(scan)):
            yield Finding(TABLE, f"{family} {name}", f"nft list table {family} {name}",
                          _ASTRAY, owner)


def remove_tables(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove nftables tables."""
    for finding in findings:
        if tuple(finding.subject.split(" ", 1)) in (nft_tables(scan) or ()):
            answer = scan.say(["nft", "delete", "table", *finding.subject.split(" ", 1)], CHANGE)
            if answer.rc != 0:
                yield finding.left(f"nft does not delete it: {answer.text}")


def _other_networks(scan: Scan) -> bool:
    """Return whether the administrator has container networks, whose plugins use the same tables and chains."""
    return any(network.name and not network.owner for network in read_networks(scan))


# iptables


@dataclass(frozen=True)
class Rules:
    """One table of one variant, as iptables-save prints it: its chains, and its rules as the lines that add them."""

    variant: str
    table: str
    chains: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True)
class RulesPlan:
    """The part of a table to remove: whole chains, and rules in other chains."""

    chains: tuple[str, ...]
    jumps: tuple[str, ...]
    rules: tuple[str, ...]


def parse_save(variant: str, text: str) -> list[Rules]:
    """Parse the output of iptables-save."""
    found: list[Rules] = []
    table, chains, rules = "", list[str](), list[str]()
    for line in text.splitlines():
        if line.startswith("*"):
            table, chains, rules = line[1:].strip(), [], []
        elif line.startswith(":"):
            chains.append(line[1:].split(" ", 1)[0])
        elif line.startswith("-A "):
            rules.append(line)
        elif line.strip() == "COMMIT" and table:
            found.append(Rules(variant, table, tuple(chains), tuple(rules)))
            table = ""
    return found


def read_rules(scan: Scan) -> list[Rules]:
    """Return all tables of all variants. A variant without tables is not read, because reading may create some."""
    tables = scan.once(nft_tables)
    found = []
    for variant, program, names, family in _VARIANTS:
        if not _used(scan, names, family, tables):
            continue
        path = _program(scan, program)
        if path:
            found += parse_save(variant, scan.say([path + "-save"]).out)
    return found


def _used(scan: Scan, names: str, family: str, tables: list[tuple[str, str]] | None) -> bool:
    if names:
        return bool(scan.text(names).strip())
    return tables is None or any(found == family and name in _IPTABLES_TABLES for found, name in tables)


def _program(scan: Scan, program: str) -> str:
    """Return the program of a variant, or the plain one on a host with only one variant (old ones, and RHEL)."""
    if scan.machine.find_program(program + "-save"):
        return program
    plain = program.split("-", 1)[0]
    other = "legacy" if program.endswith("-nft") else "nft"
    if scan.machine.find_program(f"{plain}-{other}-save") or not scan.machine.find_program(plain + "-save"):
        return ""
    return plain


def _words(rule: str) -> list[str]:
    try:
        return shlex.split(rule)
    except ValueError:
        return rule.split()


def _value(words: Sequence[str], *names: str) -> str:
    for at, word in enumerate(words[:-1]):
        if word in names:
            return words[at + 1]
    return ""


def plan(rules: Rules, others: bool = False) -> RulesPlan:
    """Return the chains and rules of a table that belong to Kubernetes or a network plugin.

    `others`: the administrator has container networks, whose plugins name their chains CNI-* too.
    """
    chains = [chain for chain in rules.chains if _is_ours(chain, rules, others)]
    jumps, single = [], []
    for rule in rules.rules:
        words = _words(rule)
        if words[1] in chains:
            continue
        if _value(words, "-j", "-g", "--jump", "--goto") in chains:
            jumps.append(rule)
        elif _owner(_COMMENTS, _value(words, "--comment")):
            single.append(rule)
    return RulesPlan(tuple(chains), tuple(jumps), tuple(single))


def _is_ours(chain: str, rules: Rules, others: bool) -> bool:
    owner = _owner(_CHAINS, chain)
    if chain == _ADMINISTRATORS and any(_words(rule)[1] == chain for rule in rules.rules):
        return False
    return bool(owner) and not (owner == CONTAINERD and others)


def find_rules(scan: Scan) -> Iterator[Finding]:
    """Yield the chains and single rules of iptables to remove."""
    others = _other_networks(scan)
    for rules in scan.once(read_rules):
        found = plan(rules, others)
        for chain in found.chains:
            yield Finding(CHAIN, _subject(rules, chain), f"{_save(rules)} | grep -- {chain}", _ASTRAY,
                          _owner(_CHAINS, chain))
        for rule in found.rules:
            yield Finding(RULE, _subject(rules, rule[len("-A "):]), _save(rules), _ASTRAY,
                          _owner(_COMMENTS, _value(_words(rule), "--comment")))


def _subject(rules: Rules, what: str) -> str:
    return f"{rules.table} {what} ({rules.variant})"


def _save(rules: Rules) -> str:
    program = next(program for variant, program, _names, _family in _VARIANTS if variant == rules.variant)
    return f"{program}-save -t {rules.table}"


def find_chains(scan: Scan) -> Iterator[Finding]:
    """Yield the chains of iptables to remove."""
    return (finding for finding in find_rules(scan) if finding.kind == CHAIN)


def find_single_rules(scan: Scan) -> Iterator[Finding]:
    """Yield the rules to remove in chains of other owners."""
    return (finding for finding in find_rules(scan) if finding.kind == RULE)


def remove_rules(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove chains and rules in one transaction for each variant, which is applied completely or not at all."""
    subjects = {finding.subject for finding in findings}
    others = _other_networks(scan)
    problems: dict[str, str] = {}
    for variant, program, _names, _family in _VARIANTS:
        tables = [rules for rules in read_rules(scan) if rules.variant == variant]
        script = "".join(restore_script(rules, plan(rules, others), subjects) for rules in tables)
        if script:
            answer = scan.say([_program(scan, program) + "-restore", "--noflush", "--wait", "10"], CHANGE, script)
            problems[variant] = answer.text
    left = {finding.subject for finding in find_rules(Scan(scan.machine))}
    for finding in findings:
        if finding.subject in left:
            variant = finding.subject.rpartition("(")[2].rstrip(")")
            yield finding.left("iptables does not delete it: {}".format(problems.get(variant) or "it printed nothing"))


def restore_script(rules: Rules, found: RulesPlan, subjects: set[str]) -> str:
    """Return the input of iptables-restore that deletes the given subjects, empty when none of them exists.

    First the rules that jump to the chains, then the content of the chains (they jump to each other), then the chains.
    """
    chains = [chain for chain in found.chains if _subject(rules, chain) in subjects]
    single = [rule for rule in found.rules if _subject(rules, rule[len("-A "):]) in subjects]
    targets = [rule for rule in rules.rules
               if _words(rule)[1] not in chains and _value(_words(rule), "-j", "-g", "--jump", "--goto") in chains]
    if not chains and not single:
        return ""
    lines = ["*" + rules.table]
    lines += ["-D " + rule[len("-A "):] for rule in (*targets, *single)]
    lines += ["-F " + chain for chain in chains]
    lines += ["-X " + chain for chain in chains]
    return "\n".join([*lines, "COMMIT"]) + "\n"


# ipsets


def find_sets(scan: Scan) -> Iterator[Finding]:
    """Yield the ipsets of Kubernetes and calico."""
    for name in _sets(scan):
        owner = _owner(_SETS, name)
        if owner:
            yield Finding(SET, name, "ipset list " + name, "it holds addresses of the former cluster", owner)


def _sets(scan: Scan) -> list[str]:
    return scan.say(["ipset", "list", "-n"]).out.split() if scan.machine.find_program("ipset") else []


def remove_sets(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove ipsets in two rounds: a set that is in a list of sets can be removed only after the list."""
    answers = {}
    for _round in range(2):
        present = _sets(scan)
        for finding in findings:
            if finding.subject in present:
                answers[finding.subject] = scan.say(["ipset", "destroy", finding.subject], CHANGE)
    present = _sets(scan)
    for finding in findings:
        if finding.subject in present:
            yield finding.left(f"ipset does not destroy it: {answers[finding.subject].text}")


def _owner(table: Sequence[tuple[re.Pattern[str], str]], name: str) -> str:
    return next((owner for pattern, owner in table if pattern.match(name)), "")


KINDS = (
    Kind(TABLE, find_tables, remove_tables),
    Kind(RULE, find_single_rules, remove_rules),
    Kind(CHAIN, find_chains, remove_rules),
    Kind(SET, find_sets, remove_sets),
)
