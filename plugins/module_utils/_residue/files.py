# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove files and trees of a former cluster. Other files next to them stay, and so do mounts below them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .._core import tree_removal
from .._core.errors import ClassroomError
from .._core.paths import PRIVATE, STATE
from .._core.trusted_path import parent_of, target_of
from .._host import mounts
from .._kube.node_paths import ETC, KUBELET_DIR
from .model import CALICO, CILIUM, COLLECTION, CONTAINERD, FLANNEL, KUBERNETES, Finding, Kind, Scan

CNI_CONFIGURATION, FILE, DIRECTORY, BPF = "CNI configuration", "file", "directory", "BPF object"
NET_D = "/etc/cni/net.d"
CNI_STATE = "/var/lib/cni"
# The directory for the kubeconfigs of the role `students`
STUDENTS = ETC + "/students"
_PLUGINS = "/usr/libexec/kubernetes/kubelet-plugins"
_FLEXVOLUMES = _PLUGINS + "/volume/exec"
_BPF_GLOBALS = "/sys/fs/bpf/tc/globals"
# The owner of a CNI configuration by the type of its plugin: the file's name is free.
_NETWORKS = {"flannel": FLANNEL, "calico": CALICO, "calico-ipam": CALICO, "cilium-cni": CILIUM}
_AGENTS = {"flanneld": FLANNEL, "calico-node": CALICO, "cilium-agent": CILIUM}
# Files that a plugin writes next to its configuration.
_CREDENTIALS = {"calico-kubeconfig": CALICO}

_STALE = "the runtime takes it for the next cluster's network, and the Node is Ready before that one is there"
_OLD_CLUSTER = "it belongs to the former cluster, and kubeadm rejects or uses it"


@dataclass(frozen=True)
class Tree:
    """A directory. With `keep`, only its content is residue: it may belong to a package or be a mount point."""

    path: str
    owner: str
    reason: str
    keep: bool = False


TREES = (
    Tree(KUBELET_DIR, KUBERNETES, "the next kubelet would use this one's identity and volumes", True),
    Tree("/var/lib/etcd/member", KUBERNETES, "the next control plane would use this cluster's objects"),
    Tree(ETC + "/manifests", KUBERNETES, "a kubelet that starts would run the former control plane", True),
    Tree(ETC + "/pki", KUBERNETES, "the next cluster would be created with the former one's keys"),
    Tree(ETC + "/tmp", KUBERNETES, "it holds copies of former configurations"),
    Tree(STUDENTS, COLLECTION, "it holds the students' keys for the former cluster"),
    Tree("/var/log/pods", KUBERNETES, "the kubelet takes restart counts of static pods from there"),
    Tree("/var/log/containers", KUBERNETES, "its links lead to logs of pods that are gone"),
    Tree("/var/lib/kube-proxy", KUBERNETES, "it is the former kube-proxy's configuration"),
    Tree("/var/lib/dockershim", KUBERNETES, "it names pods that are gone"),
    Tree("/run/kubernetes", KUBERNETES, "it holds certificates of the former cluster"),
    Tree("/run/flannel", FLANNEL, "pods would get addresses of the former subnet"),
    Tree("/run/calico", CALICO, "it is the former agent's state"),
    Tree("/var/lib/calico", CALICO, "the next agent would take the former Node's name"),
    Tree("/var/log/calico", CALICO, "it holds logs of the former cluster"),
    Tree("/run/cilium", CILIUM, "the next agent would restore endpoints that are gone"),
    Tree("/var/lib/cilium", CILIUM, "it is the former agent's state"),
    Tree("/sys/fs/bpf/cilium", CILIUM, "the former agent's programs stay loaded"),
    Tree("/sys/fs/bpf/calico", CALICO, "the former agent's programs stay loaded"),
    Tree(_FLEXVOLUMES + "/nodeagent~uds", CALICO, "the kubelet would load a volume plugin that is gone"),
    Tree(PRIVATE, COLLECTION, "an interrupted run left secrets there"),
)
FILES = (
    (ETC + "/admin.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/super-admin.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/kubelet.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/bootstrap-kubelet.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/controller-manager.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/scheduler.conf", KUBERNETES, _OLD_CLUSTER),
    (STATE + "/init.json", COLLECTION, "it marks an unfinished initialization"),
)
# rpm's database, before and since Fedora 36
_RPM = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
# Residue when they contain only empty directories, unless they belong to a package.
_HOLLOW = (ETC + "/manifests", ETC, "/usr/libexec/kubernetes")
# Removed once they are empty, unless they belong to a package.
_FRAMES = (ETC + "/manifests", ETC, _FLEXVOLUMES, _PLUGINS + "/volume", _PLUGINS, "/usr/libexec/kubernetes")


# CNI configurations


@dataclass(frozen=True)
class Network:
    """A CNI configuration: its file, the network's name, and the owner of its plugin (empty: the administrator)."""

    file: str
    name: str
    owner: str


def read_networks(scan: Scan) -> list[Network]:
    """Read all CNI configurations of the host."""
    return [parse_network(name, scan.text(NET_D + "/" + name)) for name in scan.names(NET_D)]


def parse_network(file: str, text: str) -> Network:
    """Parse a CNI configuration. An invalid one has no owner, unless a plugin always uses the file's name."""
    try:
        document = json.loads(text)
        plugins = document.get("plugins") or [document]
        owners = [_NETWORKS[kind] for kind in (str(plugin.get("type")) for plugin in plugins) if kind in _NETWORKS]
        return Network(file, str(document.get("name") or ""), owners[0] if owners else "")
    except (ValueError, AttributeError, TypeError):
        return Network(file, "", _CREDENTIALS.get(file, ""))


def present_network(scan: Scan) -> str:
    """Return the owner of the network in use: that of the one agent in a pod, else that of the first file by name.

    The runtime uses the first file, too. The result is empty without a network.
    """
    agents = {_AGENTS[process.name] for process in scan.processes if process.of_pod and process.name in _AGENTS}
    if len(agents) == 1:
        return agents.pop()
    used = [network for network in read_networks(scan) if network.file.endswith((".conf", ".conflist", ".json"))]
    return used[0].owner if used else ""


def find_configurations(scan: Scan) -> Iterator[Finding]:
    """Yield the CNI configurations of network plugins."""
    for network in read_networks(scan):
        if network.owner:
            path = f"{NET_D}/{network.file}"
            yield Finding(CNI_CONFIGURATION, path, "cat " + path, _STALE, network.owner)


# Files and trees


def find_files(scan: Scan) -> Iterator[Finding]:
    """Yield the existing files of FILES."""
    for path, owner, reason in FILES:
        if scan.exists(path):
            yield Finding(FILE, path, "ls -l " + path, reason, owner)


def find_trees(scan: Scan) -> Iterator[Finding]:
    """Yield the existing trees of TREES, state of CNI plugins and empty directories."""
    for tree in TREES:
        if scan.names(tree.path) if tree.keep else scan.exists(tree.path):
            yield Finding(DIRECTORY, tree.path, "ls -la " + tree.path, tree.reason, tree.owner)
    if _cni_state(scan):
        yield Finding(DIRECTORY, CNI_STATE, f"find {CNI_STATE}",
                      "addresses that are noted there are never given to a pod again", CONTAINERD)
    yield from _find_empty_directories(scan)


def _find_empty_directories(scan: Scan) -> Iterator[Finding]:
    """Yield the directories that contain only empty directories."""
    for path in _HOLLOW:
        if _hollow(scan, path) and not _packaged(scan, path):
            yield Finding(DIRECTORY, path, "find " + path, "it is an empty directory of the former cluster", KUBERNETES)


def _hollow(scan: Scan, path: str) -> bool:
    if not scan.exists(path) or scan.mounts_below(path) or scan.is_mount(path):
        return False
    return all(not files for _path, _directories, files in os.walk(scan.root(path)))


def _packaged(scan: Scan, path: str) -> bool:
    """Return whether a directory or anything below it belongs to a package."""
    lists = [name for name in scan.names("/var/lib/dpkg/info") if name.startswith("kube") and name.endswith(".list")]
    for name in lists:
        lines = scan.text("/var/lib/dpkg/info/" + name).splitlines()
        if any((line + "/").startswith(path + "/") for line in lines):
            return True
    if not scan.machine.find_program("rpm") or not any(scan.names(database) for database in _RPM):
        return False
    below = [found for found, _directories, _files in os.walk(scan.root(path))]
    answer = scan.say(["rpm", "--query", "--queryformat=%{NAME}\\n", "--file", *below])
    # rpm prints a line of several words for a path that belongs to no package
    return any(line and " " not in line for line in answer.out.splitlines())


def _cni_state(scan: Scan) -> list[str]:
    """Return the paths in /var/lib/cni that do not belong to networks of the administrator.

    The administrator's networks have their configurations in /etc/cni/net.d.
    """
    if not scan.exists(CNI_STATE):
        return []
    own = {network.name for network in read_networks(scan) if network.name and not network.owner}
    found = []
    for part in ("networks", "results", "cache/results"):
        path = f"{CNI_STATE}/{part}"
        found += [f"{path}/{name}" for name in scan.names(path) if not _of_network(name, own)]
    other = [name for name in scan.names(CNI_STATE) if name not in ("networks", "results", "cache")]
    found += [f"{CNI_STATE}/{name}" for name in other]
    if found or not _entries(scan, CNI_STATE):
        found.append(CNI_STATE)
    return found


def _entries(scan: Scan, path: str) -> bool:
    return any(files for _path, _directories, files in os.walk(scan.root(path)))


def _of_network(name: str, networks: Iterable[str]) -> bool:
    """Return whether a file is one of these networks: networks/NAME, or results/NAME-CONTAINER-INTERFACE."""
    return any(name == network or name.startswith(network + "-") for network in networks)


def remove_configurations(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove the configurations that are still those of a network plugin, not the administrator's."""
    present = {finding.subject for finding in find_configurations(scan)}
    return remove_files(scan, [finding for finding in findings if finding.subject in present])


def remove_files(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove files, and directories that become empty."""
    for finding in findings:
        problem = delete(scan, finding.subject)
        if problem:
            yield finding.left(problem)
    _fold(scan)


def remove_trees(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove trees, innermost first, and directories that become empty."""
    for finding in sorted(findings, key=lambda finding: finding.subject, reverse=True):
        problem = _remove_tree(scan, finding.subject)
        if problem:
            yield finding.left(problem)
    _fold(scan)


def _remove_tree(scan: Scan, path: str) -> str:
    """Remove a directory with its content only if it is in the table. Return why not, empty when it is removed."""
    if path == CNI_STATE:
        return _remove_cni_state(scan)
    tree = next((tree for tree in TREES if tree.path == path), None)
    if tree is not None:
        return clear(scan, path, tree.keep)
    return _remove_hollow(scan, path) if path in _HOLLOW else "it is no directory of a cluster"


def _remove_cni_state(scan: Scan) -> str:
    for path in _cni_state(scan):
        problem = "" if path == CNI_STATE else clear(scan, path)
        if problem:
            return problem
    for path in ("networks", "results", "cache/results", "cache", ""):
        _rmdir(scan, f"{CNI_STATE}/{path}".rstrip("/"))
    return ""


def _remove_hollow(scan: Scan, path: str) -> str:
    """Remove only empty directories: a file that was created meanwhile stays with its directory."""
    if not mounted_below(scan, path):
        with contextlib.suppress(ClassroomError, OSError), parent_of(path, scan.root.path) as place:
            tree_removal.remove_entry(place.directory, place.name, path, files=False)
    return "" if not _hollow(scan, path) else "the directory cannot be removed"


def _fold(scan: Scan) -> None:
    """Remove the directories that became empty by the removal."""
    for path in _FRAMES:
        if scan.exists(path) and not scan.names(path) and not scan.is_mount(path) and not _packaged(scan, path):
            _rmdir(scan, path)


def _rmdir(scan: Scan, path: str) -> None:
    try:
        with parent_of(path, scan.root.path) as place:
            os.rmdir(place.name, dir_fd=place.directory)
    except (ClassroomError, OSError):
        # Not empty, missing or not accessible: relevant content is reported as a finding of its own
        return


def delete(scan: Scan, path: str) -> str:
    """Remove a file, or a link itself. Return why it could not be removed, empty when it is gone."""
    try:
        with parent_of(path, scan.root.path) as place:
            os.unlink(place.name, dir_fd=place.directory)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ClassroomError as problem:
        return str(problem).rstrip(".")
    except OSError as problem:
        return f"{path} cannot be removed: {problem.strerror}"
    return ""


def clear(scan: Scan, path: str, keep: bool = False) -> str:
    """Remove a tree that root owns, or only its content. Return why it could not be removed, empty when it is gone.

    An administrator may have moved it to another disk and left a link: the link stays, and the content of its target is
    removed. Nothing is removed across a mount: the kernel's table is read again before the removal, and the removal
    itself stops at a mount that is not in the table yet.
    """
    below = mounted_below(scan, path)
    if below:
        return str(tree_removal.MountInTheWay(below))
    try:
        with target_of(path, scan.root.path) as place:
            shown = place.path[len(scan.root.path):]
            return tree_removal.left_message(
                tree_removal.remove_entry(place.directory, place.name, shown, keep=keep or place.linked))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ClassroomError as problem:
        return str(problem).rstrip(".")
    except OSError as problem:
        return f"{path} cannot be removed: {problem.strerror}"


def mounted_below(scan: Scan, path: str) -> str:
    """Return the last current mount below a directory, empty without one."""
    table = mounts.table(scan.root)
    below = mounts.below(table, mounts.resolve(scan.root, table, path)[0])
    return below[0].path if below else ""


# BPF


def find_bpf(scan: Scan) -> Iterator[Finding]:
    """Yield pinned BPF objects of cilium and calico."""
    for name in scan.names(_BPF_GLOBALS):
        for start, owner in (("cilium_", CILIUM), ("cali", CALICO)):
            if name.startswith(start):
                path = f"{_BPF_GLOBALS}/{name}"
                yield Finding(BPF, path, "ls " + path, "the next agent would use the former one's connections",
                              owner)


KINDS = (
    Kind(BPF, find_bpf, remove_files),
    Kind(CNI_CONFIGURATION, find_configurations, remove_configurations),
    Kind(FILE, find_files, remove_files),
    Kind(DIRECTORY, find_trees, remove_trees),
)
