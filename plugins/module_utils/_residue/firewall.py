# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packet filter rules of a former cluster: nftables' tables, iptables' chains and rules (both backends), ipsets.

Nothing is ever flushed but chains that Kubernetes or a network plugin made. Of any other chain only the rules go that
lead into such a one or carry the mark of a network plugin.
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
# The firewall plugin makes this chain for the administrator, who may have put rules into it.
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
# Word in a subject, program, where the kernel lists the tables of the old backend, family in nft's words
_VARIANTS = (
    ("ip", "iptables-nft", "", "ip"),
    ("ip6", "ip6tables-nft", "", "ip6"),
    ("ip legacy", "iptables-legacy", "/proc/net/ip_tables_names", ""),
    ("ip6 legacy", "ip6tables-legacy", "/proc/net/ip6_tables_names", ""),
)
_IPTABLES_TABLES = ("filter", "nat", "mangle", "raw", "security")


# nftables


def nft_tables(look: Scan) -> list[tuple[str, str]] | None:
    """Family and name of every table; None when nft is not there to ask."""
    found = look.json(["nft", "-j", "list", "tables"])
    return None if found is None else parse_tables(found)


def parse_tables(document: object) -> list[tuple[str, str]]:
    """What `nft -j list tables` says."""
    entries = document.get("nftables") if isinstance(document, dict) else None
    tables = [entry["table"] for entry in entries or [] if isinstance(entry, dict) and "table" in entry]
    return [(str(table.get("family")), str(table.get("name"))) for table in tables]


def see_tables(look: Scan) -> Iterator[Finding]:
    for family, name in look.once(nft_tables) or ():
        owner = _owner(_TABLES, name)
        if owner and not (owner == CONTAINERD and _other_networks(look)):
            yield Finding(TABLE, f"{family} {name}", f"nft list table {family} {name}",
                          _ASTRAY, owner)


def take_tables(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        if tuple(finding.subject.split(" ", 1)) in (nft_tables(look) or ()):
            answer = look.say(["nft", "delete", "table", *finding.subject.split(" ", 1)], CHANGE)
            if answer.rc != 0:
                yield finding.left(f"nft does not delete it: {answer.text}")


def _other_networks(look: Scan) -> bool:
    """Whether an administrator has container networks of his own: their plugins use the same tables and chains."""
    return any(network.name and not network.owner for network in read_networks(look))


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
    """What is Kubernetes' in a table: whole chains, and single rules in chains of others."""

    chains: tuple[str, ...]
    jumps: tuple[str, ...]
    rules: tuple[str, ...]


def parse_save(variant: str, text: str) -> list[Rules]:
    """The output of iptables-save."""
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


def read_rules(look: Scan) -> list[Rules]:
    """Every table of every variant that there is. A variant without tables is not asked: asking may make some."""
    tables = look.once(nft_tables)
    found = []
    for variant, program, names, family in _VARIANTS:
        if not _used(look, names, family, tables):
            continue
        path = _program(look, program)
        if path:
            found += parse_save(variant, look.say([path + "-save"]).out)
    return found


def _used(look: Scan, names: str, family: str, tables: list[tuple[str, str]] | None) -> bool:
    if names:
        return bool(look.text(names).strip())
    return tables is None or any(found == family and name in _IPTABLES_TABLES for found, name in tables)


def _program(look: Scan, program: str) -> str:
    """The variant's own program, or the plain one where there is only one variant (older than the split, or RHEL's)."""
    if look.machine.find_program(program + "-save"):
        return program
    plain = program.split("-", 1)[0]
    other = "legacy" if program.endswith("-nft") else "nft"
    if look.machine.find_program(f"{plain}-{other}-save") or not look.machine.find_program(plain + "-save"):
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
    """Which chains and rules of a table are Kubernetes' or a network plugin's.

    `others`: an administrator has container networks of his own, whose plugins call their chains CNI-* too.
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


def see_rules(look: Scan) -> Iterator[Finding]:
    others = _other_networks(look)
    for rules in look.once(read_rules):
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


def see_chains(look: Scan) -> Iterator[Finding]:
    return (finding for finding in see_rules(look) if finding.kind == CHAIN)


def see_single(look: Scan) -> Iterator[Finding]:
    return (finding for finding in see_rules(look) if finding.kind == RULE)


def take_rules(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """One transaction a variant: either all of it is done or nothing."""
    subjects = {finding.subject for finding in findings}
    others = _other_networks(look)
    problems: dict[str, str] = {}
    for variant, program, _names, _family in _VARIANTS:
        tables = [rules for rules in read_rules(look) if rules.variant == variant]
        script = "".join(restore_script(rules, plan(rules, others), subjects) for rules in tables)
        if script:
            answer = look.say([_program(look, program) + "-restore", "--noflush", "--wait", "10"], CHANGE, script)
            problems[variant] = answer.text
    left = {finding.subject for finding in see_rules(Scan(look.machine))}
    for finding in findings:
        if finding.subject in left:
            variant = finding.subject.rpartition("(")[2].rstrip(")")
            yield finding.left("iptables does not delete it: {}".format(problems.get(variant) or "it said nothing"))


def restore_script(rules: Rules, found: RulesPlan, subjects: set[str]) -> str:
    """The input of iptables-restore that deletes what is wished and Kubernetes', empty when nothing of it is there.

    First the rules that lead into the chains, then what the chains hold (they lead into each other), then the chains.
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


def see_sets(look: Scan) -> Iterator[Finding]:
    for name in _sets(look):
        owner = _owner(_SETS, name)
        if owner:
            yield Finding(SET, name, "ipset list " + name, "it holds addresses of the former cluster", owner)


def _sets(look: Scan) -> list[str]:
    return look.say(["ipset", "list", "-n"]).out.split() if look.machine.find_program("ipset") else []


def take_sets(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Lists of sets hold others, so that a second round may do what the first could not."""
    answers = {}
    for _round in range(2):
        present = _sets(look)
        for finding in findings:
            if finding.subject in present:
                answers[finding.subject] = look.say(["ipset", "destroy", finding.subject], CHANGE)
    present = _sets(look)
    for finding in findings:
        if finding.subject in present:
            yield finding.left(f"ipset does not destroy it: {answers[finding.subject].text}")


def _owner(table: Sequence[tuple[re.Pattern[str], str]], name: str) -> str:
    return next((owner for pattern, owner in table if pattern.match(name)), "")


KINDS = (
    Kind(TABLE, see_tables, take_tables),
    Kind(RULE, see_single, take_rules),
    Kind(CHAIN, see_chains, take_rules),
    Kind(SET, see_sets, take_sets),
)
