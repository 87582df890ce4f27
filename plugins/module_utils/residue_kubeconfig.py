# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the cluster's admin.conf in the homes of users, and what kubectl noted beside them.

A copy is this cluster's when the CA in it is the one that this machine believes, or when the API that it names is at an
address of this machine. With neither it may be another cluster's, and is left alone without a word.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .certificates import discovery_hash
from .errors import ClassroomError
from .kubeadm import ADMIN_CONF, BOOTSTRAP_CONF, CA, ETC, KUBELET_CONF
from .residue_files import clear, delete
from .residue_kind import KUBERNETES, Finding, Kind, Look

KUBECONFIG, CACHE = "kubeconfig", "kubectl cache"
# A kubeconfig with many clusters is a few kilobytes; nobody's film is read.
_MOST = 1_000_000
_SERVER = re.compile(r"""["']?\bserver["']?\s*:\s*["']?([^\s"',}]+)""")
_AUTHORITY = re.compile(r"""["']?\bcertificate-authority-data["']?\s*:\s*["']?([A-Za-z0-9+/=]+)""")


@dataclass(frozen=True)
class Copy:
    """What a kubeconfig says: the hosts of the APIs, and the hashes of the CAs' public keys."""

    hosts: frozenset[str]
    ca_hashes: frozenset[str]

    @property
    def several(self) -> bool:
        return len(self.hosts) > 1 or len(self.ca_hashes) > 1


def parse_copy(text: str) -> Copy:
    """Whatever form it is written in: kubectl's own, somebody's by hand, or JSON."""
    hashes = frozenset(found for found in map(_hash, _AUTHORITY.findall(text)) if found)
    return Copy(frozenset(host for host in map(_host, _SERVER.findall(text)) if host), hashes)


def _host(server: str) -> str:
    try:
        return urlsplit(server if "//" in server else "//" + server).hostname or ""
    except ValueError:
        return ""


def _hash(data: str) -> str:
    try:
        return discovery_hash(base64.b64decode(data, validate=True).decode("utf-8", "replace"))
    except (ClassroomError, ValueError):
        return ""


def known_hashes(look: Look) -> frozenset[str]:
    """The CAs of the cluster that this machine belongs, or belonged, to."""
    found = set(look.ca_hashes)
    for path in (ADMIN_CONF, ETC + "/super-admin.conf", KUBELET_CONF, BOOTSTRAP_CONF):
        found |= parse_copy(look.text(path)).ca_hashes
    with contextlib.suppress(ClassroomError):
        found.add(discovery_hash(look.text(CA)))
    return frozenset(found)


def own_hosts(look: Look) -> frozenset[str]:
    """The addresses of this machine that others can reach, and the names that /etc/hosts has for them."""
    infos = [info for link in look.links for info in link.get("addr_info") or []]
    addresses = {str(info.get("local")) for info in infos if info.get("scope") == "global"}
    names = set()
    for line in look.text("/etc/hosts").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in addresses:
            names.update(words[1:])
    return frozenset(addresses | names)


def homes(look: Look) -> list[str]:
    """Home directories of everybody in /etc/passwd."""
    found = []
    for line in look.text("/etc/passwd").splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and fields[5].startswith("/") and fields[5] != "/" and fields[5] not in found:
            found.append(fields[5])
    return found


def candidates(look: Look, home: str) -> list[str]:
    inside = [home + "/.kube/" + name for name in look.names(home + "/.kube")]
    return [path for path in (*inside, home + "/admin.conf") if _readable(look, path)]


def _readable(look: Look, path: str) -> bool:
    try:
        found = os.stat(look.root(path))
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= _MOST and not look.remote(path)


def is_this_clusters(copy: Copy, hashes: frozenset[str], hosts: frozenset[str]) -> bool:
    return bool(copy.ca_hashes & hashes or copy.hosts & hosts)


def see_copies(look: Look) -> Iterator[Finding]:
    hashes, hosts = look.once(known_hashes), look.once(own_hosts)
    for path, copy in look.once(_copies):
        if is_this_clusters(copy, hashes, hosts):
            yield Finding(KUBECONFIG, path, "kubectl config view --kubeconfig " + path,
                          "kubectl would go on speaking to the former cluster", KUBERNETES)


def _copies(look: Look) -> list[tuple[str, Copy]]:
    paths = dict.fromkeys(path for home in homes(look) for path in candidates(look, home))
    found = [(path, parse_copy(look.text(path))) for path in paths]
    return [(path, copy) for path, copy in found if copy.hosts or copy.ca_hashes]


def see_caches(look: Look) -> Iterator[Finding]:
    """Beside a kubeconfig of another cluster the notes may be of that one."""
    hashes, hosts = look.once(known_hashes), look.once(own_hosts)
    strangers = {os.path.dirname(path) for path, copy in look.once(_copies)
                 if copy.several or not is_this_clusters(copy, hashes, hosts)}
    for home in homes(look):
        path = home + "/.kube/cache"
        if look.exists(path) and home + "/.kube" not in strangers:
            yield Finding(CACHE, path, "ls " + path, "kubectl believes for a while what the former cluster could do",
                          KUBERNETES)


def take_copies(look: Look, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        if parse_copy(look.text(finding.subject)).several:
            yield finding.left("it names other clusters too. Take this one out with 'kubectl config delete-cluster', "
                               "'delete-context' and 'delete-user'")
            continue
        problem = delete(look, finding.subject)
        if problem:
            yield finding.left(problem)
        _close(look, finding.subject)


def take_caches(look: Look, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        problem = clear(look, finding.subject)
        if problem:
            yield finding.left(problem)
        _close(look, finding.subject)


def _close(look: Look, path: str) -> None:
    """The directory .kube goes with the last thing in it."""
    directory = os.path.dirname(path)
    if os.path.basename(directory) == ".kube":
        try:
            os.rmdir(look.root(directory))
        except OSError:
            return


KINDS = (Kind(KUBECONFIG, see_copies, take_copies), Kind(CACHE, see_caches, take_caches))
