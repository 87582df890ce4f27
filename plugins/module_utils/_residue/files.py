# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and trees that a cluster leaves. Whatever else lies beside them stays, and so does what is mounted below."""

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
# Where the role `students` has kubeconfigs made
STUDENTS = ETC + "/students"
_PLUGINS = "/usr/libexec/kubernetes/kubelet-plugins"
_FLEXVOLUMES = _PLUGINS + "/volume/exec"
_BPF_GLOBALS = "/sys/fs/bpf/tc/globals"
# By the type of the plugin in it: the file's name is free.
_NETWORKS = {"flannel": FLANNEL, "calico": CALICO, "calico-ipam": CALICO, "cilium-cni": CILIUM}
_AGENTS = {"flanneld": FLANNEL, "calico-node": CALICO, "cilium-agent": CILIUM}
# What a plugin puts beside its configuration.
_CREDENTIALS = {"calico-kubeconfig": CALICO}

_STALE = "the runtime takes it for the next cluster's network, and the Node is Ready before that one is there"
_OLD_CLUSTER = "it belongs to the former cluster, and kubeadm refuses or believes it"


@dataclass(frozen=True)
class Tree:
    """A directory. `keep`: only what is in it is residue, the directory itself may be a package's or a mount point."""

    path: str
    owner: str
    reason: str
    keep: bool = False


TREES = (
    Tree(KUBELET_DIR, KUBERNETES, "the next kubelet would go on with this one's identity and volumes", True),
    Tree("/var/lib/etcd/member", KUBERNETES, "the next control plane would go on with this cluster's objects"),
    Tree(ETC + "/manifests", KUBERNETES, "a kubelet that starts would run the former control plane", True),
    Tree(ETC + "/pki", KUBERNETES, "the next cluster would be made with the former one's keys"),
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
    Tree(PRIVATE, COLLECTION, "a run that was killed left secrets there"),
)
FILES = (
    (ETC + "/admin.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/super-admin.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/kubelet.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/bootstrap-kubelet.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/controller-manager.conf", KUBERNETES, _OLD_CLUSTER),
    (ETC + "/scheduler.conf", KUBERNETES, _OLD_CLUSTER),
    (STATE + "/init.json", COLLECTION, "it says that an initialization is under way"),
)
# Residue when nothing but empty directories is in them, unless a package brought them.
# rpm's database, before and since Fedora 36
_RPM = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
_HOLLOW = (ETC + "/manifests", ETC, "/usr/libexec/kubernetes")
# Gone with the last thing in them, unless a package brought them.
_FRAMES = (ETC + "/manifests", ETC, _FLEXVOLUMES, _PLUGINS + "/volume", _PLUGINS, "/usr/libexec/kubernetes")


# CNI configurations


@dataclass(frozen=True)
class Network:
    """A CNI configuration: its file, the network's name, whose plugin it is for (empty: an administrator's own)."""

    file: str
    name: str
    owner: str


def read_networks(look: Scan) -> list[Network]:
    return [parse_network(name, look.text(NET_D + "/" + name)) for name in look.names(NET_D)]


def parse_network(file: str, text: str) -> Network:
    """A file that is no CNI configuration belongs to nobody here, unless a plugin always names it so."""
    try:
        document = json.loads(text)
        plugins = document.get("plugins") or [document]
        owners = [_NETWORKS[kind] for kind in (str(plugin.get("type")) for plugin in plugins) if kind in _NETWORKS]
        return Network(file, str(document.get("name") or ""), owners[0] if owners else "")
    except (ValueError, AttributeError, TypeError):
        return Network(file, "", _CREDENTIALS.get(file, ""))


def present_network(look: Scan) -> str:
    """Whose network is in use: the one whose agent runs in a pod, else the runtime's choice, the first file by name."""
    agents = {_AGENTS[process.name] for process in look.processes if process.of_pod and process.name in _AGENTS}
    if len(agents) == 1:
        return agents.pop()
    used = [network for network in read_networks(look) if network.file.endswith((".conf", ".conflist", ".json"))]
    return used[0].owner if used else ""


def see_configurations(look: Scan) -> Iterator[Finding]:
    for network in read_networks(look):
        if network.owner:
            path = f"{NET_D}/{network.file}"
            yield Finding(CNI_CONFIGURATION, path, "cat " + path, _STALE, network.owner)


# Files and trees


def see_files(look: Scan) -> Iterator[Finding]:
    for path, owner, reason in FILES:
        if look.exists(path):
            yield Finding(FILE, path, "ls -l " + path, reason, owner)


def see_trees(look: Scan) -> Iterator[Finding]:
    for tree in TREES:
        if look.names(tree.path) if tree.keep else look.exists(tree.path):
            yield Finding(DIRECTORY, tree.path, "ls -A " + tree.path, tree.reason, tree.owner)
    if _cni_state(look):
        yield Finding(DIRECTORY, CNI_STATE, f"find {CNI_STATE}",
                      "addresses that are noted there are never given to a pod again", CONTAINERD)
    yield from _see_frames(look)


def _see_frames(look: Scan) -> Iterator[Finding]:
    """Directories with nothing but empty directories in them."""
    for path in _HOLLOW:
        if _hollow(look, path) and not _packaged(look, path):
            yield Finding(DIRECTORY, path, "find " + path, "it is an empty directory of the former cluster", KUBERNETES)


def _hollow(look: Scan, path: str) -> bool:
    if not look.exists(path) or look.mounts_below(path) or look.is_mount(path):
        return False
    return all(not files for _path, _directories, files in os.walk(look.root(path)))


def _packaged(look: Scan, path: str) -> bool:
    """Whether a package brought a directory or anything below it."""
    lists = [name for name in look.names("/var/lib/dpkg/info") if name.startswith("kube") and name.endswith(".list")]
    for name in lists:
        lines = look.text("/var/lib/dpkg/info/" + name).splitlines()
        if any((line + "/").startswith(path + "/") for line in lines):
            return True
    if not look.machine.find_program("rpm") or not any(look.names(database) for database in _RPM):
        return False
    below = [found for found, _directories, _files in os.walk(look.root(path))]
    answer = look.say(["rpm", "--query", "--queryformat=%{NAME}\\n", "--file", *below])
    # A line of several words says that a path is nobody's
    return any(line and " " not in line for line in answer.out.splitlines())


def _cni_state(look: Scan) -> list[str]:
    """What of /var/lib/cni is not of an administrator's own networks: those have their files in /etc/cni/net.d."""
    if not look.exists(CNI_STATE):
        return []
    own = {network.name for network in read_networks(look) if network.name and not network.owner}
    found = []
    for part in ("networks", "results", "cache/results"):
        path = f"{CNI_STATE}/{part}"
        found += [f"{path}/{name}" for name in look.names(path) if not _of_network(name, own)]
    other = [name for name in look.names(CNI_STATE) if name not in ("networks", "results", "cache")]
    found += [f"{CNI_STATE}/{name}" for name in other]
    if found or not _entries(look, CNI_STATE):
        found.append(CNI_STATE)
    return found


def _entries(look: Scan, path: str) -> bool:
    return any(files for _path, _directories, files in os.walk(look.root(path)))


def _of_network(name: str, networks: Iterable[str]) -> bool:
    """networks/NAME, and results/NAME-CONTAINER-INTERFACE"""
    return any(name == network or name.startswith(network + "-") for network in networks)


def take_configurations(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """An administrator may have put his own in the place of one."""
    present = {finding.subject for finding in see_configurations(look)}
    return take_files(look, [finding for finding in findings if finding.subject in present])


def take_files(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        problem = delete(look, finding.subject)
        if problem:
            yield finding.left(problem)
    _fold(look)


def take_trees(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in sorted(findings, key=lambda finding: finding.subject, reverse=True):
        problem = _take_tree(look, finding.subject)
        if problem:
            yield finding.left(problem)
    _fold(look)


def _take_tree(look: Scan, path: str) -> str:
    """Only what is in the table is ever removed with all that is in it."""
    if path == CNI_STATE:
        return _take_cni_state(look)
    tree = next((tree for tree in TREES if tree.path == path), None)
    if tree is not None:
        return clear(look, path, tree.keep)
    return _take_hollow(look, path) if path in _HOLLOW else "it is no directory of a cluster"


def _take_cni_state(look: Scan) -> str:
    for path in _cni_state(look):
        problem = "" if path == CNI_STATE else clear(look, path)
        if problem:
            return problem
    for path in ("networks", "results", "cache/results", "cache", ""):
        _rmdir(look, f"{CNI_STATE}/{path}".rstrip("/"))
    return ""


def _take_hollow(look: Scan, path: str) -> str:
    """Only empty directories go: a file that came meanwhile keeps its own."""
    if not mounted_below(look, path):
        with contextlib.suppress(ClassroomError, OSError), parent_of(path, look.root.path) as place:
            tree_removal.remove_entry(place.directory, place.name, path, files=False)
    return "" if not _hollow(look, path) else "the directory cannot be removed"


def _fold(look: Scan) -> None:
    """Remove what only held the things that have just been removed."""
    for path in _FRAMES:
        if look.exists(path) and not look.names(path) and not look.is_mount(path) and not _packaged(look, path):
            _rmdir(look, path)


def _rmdir(look: Scan, path: str) -> None:
    try:
        with parent_of(path, look.root.path) as place:
            os.rmdir(place.name, dir_fd=place.directory)
    except (ClassroomError, OSError):
        # Not empty, not there, or not to be had: what matters of it is reported for itself
        return


def delete(look: Scan, path: str) -> str:
    """Remove a file, or a link itself; why that was not possible, empty when it is gone."""
    try:
        with parent_of(path, look.root.path) as place:
            os.unlink(place.name, dir_fd=place.directory)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ClassroomError as problem:
        return str(problem).rstrip(".")
    except OSError as problem:
        return f"{path} cannot be removed: {problem.strerror}"
    return ""


def clear(look: Scan, path: str, keep: bool = False) -> str:
    """Remove a tree of root's, or only what is in it; why not, empty when it is gone.

    An administrator may have moved it to another disk and left a link: a link at the end stays, and what is in the
    directory behind it goes. Nothing is removed across a mount: the kernel's table, read anew, tells where something is
    mounted before anything is removed, and the removal itself stops at a mount that is not in it yet.
    """
    below = mounted_below(look, path)
    if below:
        return str(tree_removal.MountInTheWay(below))
    try:
        with target_of(path, look.root.path) as place:
            shown = place.path[len(look.root.path):]
            return tree_removal.left_message(
                tree_removal.remove_entry(place.directory, place.name, shown, keep=keep or place.linked))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ClassroomError as problem:
        return str(problem).rstrip(".")
    except OSError as problem:
        return f"{path} cannot be removed: {problem.strerror}"


def mounted_below(look: Scan, path: str) -> str:
    """The last mount below a directory, as it is now; empty without one."""
    table = mounts.table(look.root)
    below = mounts.below(table, mounts.resolve(look.root, table, path)[0])
    return below[0].path if below else ""


# BPF


def see_bpf(look: Scan) -> Iterator[Finding]:
    for name in look.names(_BPF_GLOBALS):
        for start, owner in (("cilium_", CILIUM), ("cali", CALICO)):
            if name.startswith(start):
                path = f"{_BPF_GLOBALS}/{name}"
                yield Finding(BPF, path, "ls " + path, "the next agent would go on with the former one's connections",
                              owner)


KINDS = (
    Kind(BPF, see_bpf, take_files),
    Kind(CNI_CONFIGURATION, see_configurations, take_configurations),
    Kind(FILE, see_files, take_files),
    Kind(DIRECTORY, see_trees, take_trees),
)
