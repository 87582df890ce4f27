# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove copies of the cluster's admin.conf in home directories, and kubectl's cache next to them.

A copy belongs to this cluster if it has the CA that this host trusts, or if its API is at an address of this host and
at the port of this cluster's API server: another port is that of another cluster on the same host. Any other copy may
belong to another cluster and stays without a message. Everything in a home is read and removed with the rights of its
user and never through a link (see _core/home_files.py).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._core import tree_removal
from .._core.errors import ClassroomError
from .._core.home_files import HomeFiles, open_home
from .._core.owner_rights import Account
from .._formats.x509 import discovery_hash
from .._kube.api import address
from .._kube.node_paths import ADMIN_CONF, BOOTSTRAP_CONF, CA, ETC, KUBELET_CONF, MANIFESTS
from .model import KUBERNETES, Finding, Kind, Scan

KUBECONFIG, CACHE = "kubeconfig", "kubectl cache"
# A kubeconfig with many clusters is a few kilobytes, and a user has a handful of them.
_MOST_BYTES = 1_000_000
_MOST_FILES = 100
_DIRECTORY, _CACHE, _ADMIN = ".kube", ".kube/cache", "admin.conf"
# The files of a host that is a member of a cluster or is joining one.
_OWN = (ADMIN_CONF, ETC + "/super-admin.conf", KUBELET_CONF, BOOTSTRAP_CONF)
_API_SERVER = MANIFESTS + "/kube-apiserver.yaml"
_API_PORT = 6443
_SECURE_PORT = re.compile(r"--secure-port=([0-9]+)")
_SERVER = re.compile(r"""["']?\bserver["']?\s*:\s*["']?([^\s"',}]+)""")
_AUTHORITY = re.compile(r"""["']?\bcertificate-authority-data["']?\s*:\s*["']?([A-Za-z0-9+/=]+)""")


@dataclass(frozen=True)
class Copy:
    """The content of a kubeconfig: the APIs as `host:port`, and the hashes of the CAs' public keys."""

    servers: frozenset[str]
    ca_hashes: frozenset[str]

    @property
    def several(self) -> bool:
        return len(self.servers) > 1 or len(self.ca_hashes) > 1


def parse_copy(text: str) -> Copy:
    """Read a kubeconfig in any form: kubectl's own, one that was written by hand, or JSON."""
    hashes = frozenset(found for found in map(_hash, _AUTHORITY.findall(text)) if found)
    return Copy(frozenset(server for server in map(_address, _SERVER.findall(text)) if server), hashes)


def _address(server: str) -> str:
    try:
        found = address(server)
    except ValueError:
        return ""
    return "" if found.startswith(":") else found


def _hash(data: str) -> str:
    try:
        return discovery_hash(base64.b64decode(data, validate=True).decode("utf-8", "replace"))
    except (ClassroomError, ValueError):
        return ""


def known_hashes(scan: Scan) -> frozenset[str]:
    """Return the hashes of the CAs of this host's present or former cluster."""
    found = set(scan.ca_hashes)
    for path in _OWN:
        found |= parse_copy(scan.text(path)).ca_hashes
    with contextlib.suppress(ClassroomError):
        found.add(discovery_hash(scan.text(CA)))
    return frozenset(found)


def own_servers(scan: Scan) -> frozenset[str]:
    """Return the names and addresses of this host with the port of this cluster's API, as `host:port`.

    Other clusters on the same host, such as those of k3s or kind, have another port.
    """
    known = [server for path in _OWN for server in parse_copy(scan.text(path)).servers]
    ports = {server.rpartition(":")[2] for server in known} | set(_SECURE_PORT.findall(scan.text(_API_SERVER)))
    names = [f"[{host}]" if ":" in host else host for host in own_hosts(scan)]
    return frozenset(f"{name}:{port}" for name in names for port in ports or {str(_API_PORT)})


def own_hosts(scan: Scan) -> frozenset[str]:
    """Return the global addresses of this host and their names in /etc/hosts."""
    infos = [info for link in scan.links for info in link.get("addr_info") or []]
    addresses = {str(info.get("local")) for info in infos if info.get("scope") == "global"}
    names = set()
    for line in scan.text("/etc/hosts").splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in addresses:
            names.update(words[1:])
    return frozenset(addresses | names)


def homes(scan: Scan) -> list[Account]:
    """Return every home directory in /etc/passwd once, with the user who owns it, else with the first one."""
    found: dict[str, list[Account]] = {}
    for line in scan.text("/etc/passwd").splitlines():
        fields = line.split(":")
        home = os.path.normpath(fields[5]) if len(fields) >= 6 and fields[5].startswith("/") else "/"
        if home.strip("/") and fields[2].isdigit() and fields[3].isdigit():
            found.setdefault(home, []).append(Account(fields[0], int(fields[2]), int(fields[3]), home))
    return [_owner(scan, accounts) for accounts in found.values() if not scan.remote(accounts[0].home)]


def _owner(scan: Scan, accounts: list[Account]) -> Account:
    if len(accounts) > 1:
        with contextlib.suppress(OSError):
            owner = os.stat(scan.root(accounts[0].home)).st_uid
            return next((account for account in accounts if account.uid == owner), accounts[0])
    return accounts[0]


def _copies(scan: Scan) -> list[tuple[str, Copy]]:
    """Return all kubeconfigs in homes, by their paths."""
    found = []
    for account in scan.once(homes):
        with open_home(account, scan.root.path) as home:
            for path in _candidates(scan, account, home) if home else ():
                copy = _read(home, path)
                if copy.servers or copy.ca_hashes:
                    found.append((f"{account.home}/{path}", copy))
    return found


def _candidates(scan: Scan, account: Account, home: HomeFiles) -> list[str]:
    names = [] if scan.remote(f"{account.home}/{_DIRECTORY}") else home.names(_DIRECTORY)
    # The usual name comes first, so that it is within the limit
    names.sort(key=lambda name: name != "config")
    return [*(f"{_DIRECTORY}/{name}" for name in names[:_MOST_FILES]), _ADMIN]


def _read(home: HomeFiles | None, path: str) -> Copy:
    content = home.read(path, _MOST_BYTES) if home else None
    return parse_copy((content or b"").decode("utf-8", "replace"))


def read_copy(scan: Scan, path: str) -> Copy:
    """Return the content of a kubeconfig in a home, empty when it cannot be read."""
    with _home_of(scan, path) as (home, inner):
        return _read(home, inner)


@contextlib.contextmanager
def _home_of(scan: Scan, path: str) -> Iterator[tuple[HomeFiles | None, str]]:
    """Open the home of a path, and yield it with the path in it; None for a path that is not searched in homes."""
    for account in scan.once(homes):
        inner = path[len(account.home) + 1 :] if path.startswith(account.home + "/") else ""
        directory, _slash, name = inner.rpartition("/")
        if inner == _ADMIN or (directory == _DIRECTORY and name):
            with contextlib.ExitStack() as stack:
                yield stack.enter_context(open_home(account, scan.root.path)), inner
            return
    yield None, ""


def is_this_clusters(copy: Copy, hashes: frozenset[str], servers: frozenset[str]) -> bool:
    """Return whether a kubeconfig belongs to this cluster, by its CA or its server."""
    return bool(copy.ca_hashes & hashes or copy.servers & servers)


def find_copies(scan: Scan) -> Iterator[Finding]:
    """Yield the copies of this cluster's kubeconfig in homes."""
    hashes, servers = scan.once(known_hashes), scan.once(own_servers)
    for path, copy in scan.once(_copies):
        if is_this_clusters(copy, hashes, servers):
            yield Finding(KUBECONFIG, path, "kubectl config view --kubeconfig " + path,
                          "kubectl would still connect to the former cluster", KUBERNETES)


def find_caches(scan: Scan) -> Iterator[Finding]:
    """Yield caches of kubectl, except those next to a kubeconfig of another cluster, to which they may belong."""
    hashes, servers = scan.once(known_hashes), scan.once(own_servers)
    strangers = {os.path.dirname(path) for path, copy in scan.once(_copies)
                 if copy.several or not is_this_clusters(copy, hashes, servers)}
    for account in scan.once(homes):
        path = f"{account.home}/{_CACHE}"
        if os.path.dirname(path) in strangers or scan.remote(os.path.dirname(path)):
            continue
        with open_home(account, scan.root.path) as home:
            exists = home is not None and home.exists(_CACHE)
        if exists:
            yield Finding(CACHE, path, "ls " + path, "kubectl uses the former cluster's list of resources for a while",
                          KUBERNETES)


def remove_copies(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove copies of the kubeconfig."""
    for finding in findings:
        problem = _remove_copy(scan, finding.subject)
        if problem:
            yield finding.left(problem)


def _remove_copy(scan: Scan, path: str) -> str:
    """Remove a kubeconfig of the former cluster. Return why it could not be removed, empty when it is gone."""
    with _home_of(scan, path) as (home, inner):
        if _read(home, inner).several:
            return ("it names other clusters too. Remove this one with 'kubectl config delete-cluster', "
                    "'delete-context' and 'delete-user'")
        left = home.unlink(inner) if home else ()
        _close(home, inner)
    return tree_removal.left_message(left)


def remove_caches(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove caches of kubectl."""
    for finding in findings:
        with _home_of(scan, finding.subject) as (home, inner):
            problem = _remove_cache(home, inner)
            _close(home, inner)
        if problem:
            yield finding.left(problem)


def _remove_cache(home: HomeFiles | None, inner: str) -> str:
    """Remove the cache of kubectl. Return why it could not be removed, empty when it is gone."""
    try:
        return tree_removal.left_message(home.remove(inner)) if home and inner == _CACHE else ""
    except tree_removal.MountInTheWay as problem:
        return str(problem)


def _close(home: HomeFiles | None, inner: str) -> None:
    """Close the home, and remove the directory .kube if it is empty."""
    if home and os.path.dirname(inner) == _DIRECTORY:
        home.remove_empty(_DIRECTORY)


KINDS = (Kind(KUBECONFIG, find_copies, remove_copies), Kind(CACHE, find_caches, remove_caches))
