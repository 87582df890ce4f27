# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find ports that a packet filter of the administrator blocks: ufw, iptables, nftables.

Rules are evaluated for a new connection from another host. Only what is certainly dropped is reported; a rule that may
accept the connection, for instance from some networks only, counts as accepting, so that no working setup is rejected.
firewalld is not evaluated: the collection opens what it needs there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.command import Runner
from .._core.files import Root, read_text

ACCEPT, DROP, RETURN = "accept", "drop", "return"
_NOT_THE_ADMINISTRATORS = re.compile(r"firewalld|kube-proxy|flannel.*|cni.*|calico.*|podman.*|netavark")
_IPTABLES_TABLES = ("filter", "nat", "mangle", "raw", "security")
_FINAL = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP, "RETURN": RETURN}
# Stands for the port of forwarded packets, of which none is evaluated
ANY_PORT = 0


@dataclass(frozen=True)
class Blocked:
    """Blocked ports (none: forwarding is blocked), and what blocks them: `ufw`, `iptables`, or a chain of nftables."""

    by: str
    ports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """The parts of a rule that are evaluated. `sure` is false for a rule whose match cannot be determined."""

    verdict: str = ""
    jump: str = ""
    protocols: frozenset[str] | None = None
    ports: tuple[tuple[int, int], ...] | None = None
    never: bool = False
    sure: bool = True

    def fits(self, protocol: str, port: int) -> bool:
        if self.never or (self.protocols is not None and protocol not in self.protocols):
            return False
        return self.ports is None or any(first <= port <= last for first, last in self.ports)


@dataclass
class Table:
    """The chains of one table, and the policies of those with a hook."""

    name: str
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    hooks: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def verdict(self, chain: str, protocol: str, port: int, depth: int = 16) -> str:
        """Return the verdict of a chain on a packet, empty when no rule decides."""
        for rule in self.rules.get(chain, ()) if depth else ():
            if not rule.fits(protocol, port):
                continue
            verdict = self.verdict(rule.jump, protocol, port, depth - 1) if rule.jump else rule.verdict
            if verdict == ACCEPT or (verdict == DROP and rule.sure):
                return verdict
            if verdict == RETURN and rule.sure and not rule.jump:
                return ""
        return ""

    def dropping(self, hook: str, protocol: str, port: int) -> str:
        """Return the chain at this hook that drops a packet, empty when none does."""
        return next((chain for chain, policy in self.hooks.get(hook, ())
                     if (self.verdict(chain, protocol, port) or policy) == DROP), "")


def find(root: Root, run: Runner, ports: Sequence[str], family: str = "ip") -> tuple[Blocked, ...]:
    """Return what blocks these ports for addresses of a family (`ip` or `ip6`). Without ports, nothing is read."""
    return tuple(_found(root, run, ports, family)) if ports else ()


def _found(root: Root, run: Runner, ports: Sequence[str], family: str) -> Iterator[Blocked]:
    names = _tables(run)
    iptables = family + "tables" if family == "ip" else "ip6tables"
    legacy = (read_text(root(f"/proc/net/{family}_tables_names")) or "").split()
    for there, program in (((family, "filter") in names, iptables), ("filter" in legacy, iptables + "-legacy")):
        if there:
            table = parse_save(run([program + "-save", "-t", "filter"], check=False).out)
            shut = _shut(table, ports)
            # firewalld with the iptables backend has chains of this name
            if shut and "INPUT_ZONES" not in table.rules:
                yield Blocked("ufw" if "ufw-user-input" in table.rules else program, shut)
    for kind, name in names:
        if kind not in (family, "inet") or name in _IPTABLES_TABLES or _NOT_THE_ADMINISTRATORS.fullmatch(name):
            continue
        table = parse_nft(_json(run, ["nft", "-j", "list", "table", kind, name]), f"{kind} {name}")
        shut = _shut(table, ports)
        if shut:
            # Only the first chain is named; the next run names another one
            yield Blocked(f"the chain {_dropping(table, ports)} of nftables' table {table.name}", shut)
        forward = table.dropping("forward", "tcp", ANY_PORT)
        if forward:
            yield Blocked(f"the chain {forward} of nftables' table {table.name}")


def _dropping(table: Table, ports: Sequence[str]) -> str:
    """Return the chain that drops the first blocked port."""
    for each in _ends(ports):
        chain = table.dropping("input", *each)
        if chain:
            return chain
    return ""


def _shut(table: Table, ports: Sequence[str]) -> tuple[str, ...]:
    return tuple(port for port in ports if any(table.dropping("input", *each) for each in _ends([port])))


def _ends(ports: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield protocol and number of the first and last port of each range."""
    for port in ports:
        numbers, _slash, protocol = port.partition("/")
        for number in dict.fromkeys(numbers.split("-")):
            yield protocol, int(number)


def _json(run: Runner, argv: Sequence[str]) -> list[Mapping[str, Any]]:
    answer = run(argv, check=False)
    try:
        return list(json.loads(answer.out)["nftables"])
    except (ValueError, KeyError, TypeError):
        # Without nftables there are no tables
        return []


def _tables(run: Runner) -> list[tuple[str, str]]:
    found = _json(run, ["nft", "-j", "list", "tables"])
    return [(entry["table"]["family"], entry["table"]["name"]) for entry in found if "table" in entry]


# nftables


def parse_nft(entries: Sequence[Mapping[str, Any]], name: str) -> Table:
    """Parse the entries that `nft -j list table` prints."""
    table = Table(name)
    for entry in entries:
        if "chain" in entry:
            chain = entry["chain"]
            table.rules.setdefault(chain["name"], [])
            if chain.get("type") == "filter" and "hook" in chain:
                table.hooks.setdefault(chain["hook"], []).append((chain["name"], chain.get("policy", ACCEPT)))
        elif "rule" in entry:
            table.rules.setdefault(entry["rule"]["chain"], []).append(_nft_rule(entry["rule"].get("expr", ())))
    return table


def _nft_rule(expressions: Sequence[Mapping[str, Any]]) -> Rule:
    found: dict[str, Any] = {}
    for expression in expressions:
        if "match" in expression:
            _nft_match(found, expression["match"])
        for word, verdict in (("accept", ACCEPT), ("drop", DROP), ("reject", DROP), ("return", RETURN)):
            if word in expression:
                found["verdict"] = verdict
        for word in ("jump", "goto"):
            if word in expression:
                found["jump"] = expression[word]["target"]
        if "vmap" in expression:
            # A verdict map has several verdicts
            found.update(verdict=ACCEPT, sure=False)
        if not set(expression) & {"match", "counter", "log", "accept", "drop", "reject", "return", "jump", "goto"}:
            found["sure"] = False
    return Rule(**found)


def _nft_match(found: dict[str, Any], match: Mapping[str, Any]) -> None:
    left, right, same = match.get("left") or {}, match.get("right"), match.get("op") in ("==", "in")
    key, what = next(iter(left.items())) if isinstance(left, dict) and left else ("", {})
    if same and key == "ct" and what.get("key") == "state":
        found["never"] = found.get("never", False) or "new" not in _words(right)
    elif same and key == "meta" and what.get("key") in ("iif", "iifname") and right == "lo":
        found["never"] = True
    elif same and _is_protocol(key, what):
        found["protocols"] = frozenset(_words(right))
    elif same and key == "payload" and what.get("field") == "dport" and _ranges(right) is not None:
        found["ports"] = _ranges(right)
        if what.get("protocol") in ("tcp", "udp"):
            found["protocols"] = frozenset([what["protocol"]])
    else:
        found["sure"] = False


def _is_protocol(key: str, what: Mapping[str, Any]) -> bool:
    return (key == "meta" and what.get("key") == "l4proto") or (
        key == "payload" and what.get("field") in ("protocol", "nexthdr"))


def _words(right: Any) -> list[str]:
    if isinstance(right, dict):
        right = right.get("set", [])
    return [str(word) for word in right] if isinstance(right, list) else [str(right)]


def _ranges(right: Any) -> tuple[tuple[int, int], ...] | None:
    """Return ports as ranges; None for a named set, whose content is not read."""
    values = right["set"] if isinstance(right, dict) and isinstance(right.get("set"), list) else [right]
    found = []
    for value in values:
        span = value.get("range", ()) if isinstance(value, dict) else (value, value)
        if len(span) != 2 or not all(isinstance(end, int) for end in span):
            return None
        found.append((span[0], span[1]))
    return tuple(found)


# iptables


def parse_save(text: str) -> Table:
    """Parse the output of `iptables-save -t filter`."""
    table = Table("filter")
    for line in text.splitlines():
        if line.startswith(":"):
            name, policy = line[1:].split()[:2]
            table.rules.setdefault(name, [])
            if policy in _FINAL and name in ("INPUT", "FORWARD"):
                table.hooks[name.lower()] = [(name, _FINAL[policy])]
        elif line.startswith("-A "):
            words = shlex.split(line)
            table.rules.setdefault(words[1], []).append(_iptables_rule(words[2:]))
    return table


def _iptables_rule(words: Sequence[str]) -> Rule:
    found: dict[str, Any] = {}
    negated = False
    at = 0
    while at < len(words):
        word, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 1
        if word == "!":
            negated = True
            continue
        if not negated and _iptables_match(found, word, value):
            at += 1
        elif word.startswith("-"):
            found["sure"] = False
        negated = False
    return Rule(**found)


def _iptables_match(found: dict[str, Any], word: str, value: str) -> bool:
    """Add a word and its value to a rule, and return whether the word is known."""
    if word in ("-j", "-g"):
        if value in _FINAL:
            found["verdict"] = _FINAL[value]
        elif value.upper() not in ("LOG", "NFLOG", "MARK", "CONNMARK"):
            found["jump"] = value
    elif word in ("--ctstate", "--state"):
        found["never"] = found.get("never", False) or "NEW" not in value.split(",")
    elif word == "-i" and value == "lo":
        found["never"] = True
    elif word == "-p":
        found["protocols"] = None if value == "all" else frozenset([value])
    elif word in ("--dport", "--dports"):
        found["ports"] = tuple(_span(part) for part in value.split(","))
    else:
        # These words do not match packets
        return word in ("-m", "--comment", "--reject-with", "--log-prefix", "--log-level")
    return True


def _span(text: str) -> tuple[int, int]:
    first, _colon, last = text.partition(":")
    return int(first or 0), int(last or (65535 if _colon else first))
