# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read features and settings of the running kernel, and write settings.

A feature counts as present if it is built in or loaded as a module: on a kernel without loadable modules, `modprobe`
fails although nothing is missing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root, read_text

# The path that exists once a feature is present, where that is not /sys/module/NAME.
_SIGNS = {
    "br_netfilter": "/proc/sys/net/bridge",
    "nf_conntrack": "/proc/sys/net/netfilter/nf_conntrack_max",
    "ip_vs": "/proc/net/ip_vs",
    # The container runtime needs these features; they are never modules
    "ipc_ns": "/proc/self/ns/ipc",
    "net_ns": "/proc/self/ns/net",
    "pid_ns": "/proc/self/ns/pid",
    "uts_ns": "/proc/self/ns/uts",
    "seccomp": "/proc/sys/kernel/seccomp",
}
# The kernel's configuration option of a feature, where it is not CONFIG_NAME.
_CONFIG_NAMES = {"overlay": "CONFIG_OVERLAY_FS", "br_netfilter": "CONFIG_BRIDGE_NETFILTER"}

PRESENT = "present"
LOADABLE = "loadable"
MISSING = "missing"


def feature(root: Root, name: str) -> str:
    """Return PRESENT (working now), LOADABLE (a module file exists for this kernel) or MISSING."""
    if _shows(root, name):
        return PRESENT
    release = os.uname().release
    if _listed(root(f"/lib/modules/{release}/modules.builtin"), name):
        return PRESENT
    if _listed(root(f"/lib/modules/{release}/modules.dep"), name):
        return LOADABLE
    return PRESENT if _configured(root, name) else MISSING


def modules_loadable(root: Root) -> bool:
    """Return whether this kernel supports loadable modules."""
    return os.path.exists(root("/proc/modules"))


def _shows(root: Root, name: str) -> bool:
    if name in _SIGNS:
        return os.path.exists(root(_SIGNS[name]))
    if os.path.isdir(root("/sys/module/" + name)):
        return True
    filesystems = read_text(root("/proc/filesystems")) or ""
    return any(line.split()[-1:] == [name] for line in filesystems.splitlines())


def _listed(path: str, name: str) -> bool:
    """Return whether an index of kernel modules names this one; the kernel treats `_` and `-` as equal."""
    wanted = name.replace("-", "_")
    for line in (read_text(path) or "").splitlines():
        file_name = os.path.basename(line.partition(":")[0])
        if file_name.partition(".")[0].replace("-", "_") == wanted:
            return True
    return False


def _configured(root: Root, name: str) -> bool:
    """Return whether the kernel's configuration has a feature built in.

    The last resort for features without any other trace, such as IPVS schedulers in a kernel without modules.
    """
    # Imported only here, because few hosts need it: it takes as long as reading everything else
    import gzip

    wanted = "\n{}=y\n".format(_CONFIG_NAMES.get(name, "CONFIG_" + name.upper()))
    try:
        with gzip.open(root("/proc/config.gz"), "rt", encoding="utf-8") as stream:
            return wanted in "\n" + stream.read()
    except OSError:
        return False


def read_swaps(root: Root) -> tuple[str, ...]:
    """Return the swap devices and files in use."""
    lines = (read_text(root("/proc/swaps")) or "").splitlines()[1:]
    return tuple(line.split()[0].replace("\\040", " ") for line in lines if line.strip())


@dataclass(frozen=True)
class Setting:
    """A sysctl's live value and whether it can be written; None when the kernel has no such key (yet)."""

    value: str | None
    writable: bool


def sysctl_path(key: str) -> str:
    """Return the file of a key. As in sysctl(8), net.ipv4.conf.eth0/100.forwarding means the interface eth0.100."""
    dot, slash = key.find("."), key.find("/")
    dotted = slash < 0 or 0 <= dot < slash
    return "/proc/sys/" + (key.translate(str.maketrans("./", "/.")) if dotted else key)


def read_setting(root: Root, key: str) -> Setting:
    """Read the live value of a sysctl."""
    path = root(sysctl_path(key))
    value = read_text(path)
    return Setting(None if value is None else normalized(value), os.access(path, os.W_OK))


def write_setting(root: Root, key: str, value: str) -> None:
    """Set the live value of a sysctl. Raises ClassroomError."""
    try:
        with open(root(sysctl_path(key)), "w", encoding="utf-8") as stream:
            stream.write(value)
    except OSError as problem:
        found = read_setting(root, key).value
        raise ClassroomError(
            "The kernel rejects a setting: expected {} = {}, found {}: {}.".format(
                key, value, "no such key" if found is None else found, problem.strerror)) from problem


def normalized(value: str) -> str:
    """Return a value with single blanks: the kernel separates several numbers by tabs."""
    return " ".join(value.split())


# systemd-sysctl reads the files of all these directories in the order of their names; of two files with the same name
# it uses the one in the directory named first (sysctl.d(5)).
_DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")


def later_assignments(root: Root, own: str, wanted: dict[str, str]) -> list[tuple[str, str]]:
    """Return the keys that a file that is applied after `own` sets to another value, each with a message."""
    return [
        (key, f"{path} is applied after {own} and overrides {key} at the next boot: expected {wanted[key]}, found "
              f"{value}")
        for path in _later_files(root, os.path.basename(own))
        for key, value in _assignments(read_text(root(path)) or "")
        if key in wanted and value != normalized(wanted[key])
    ]


def _later_files(root: Root, own_name: str) -> list[str]:
    files: dict[str, str] = {}
    for directory in _DIRECTORIES:
        for name in _names(root(directory)):
            files.setdefault(name, directory + "/" + name)
    later: list[str] = [files[name] for name in sorted(files) if name > own_name]
    # procps' own `sysctl --system` reads this one last of all.
    if os.path.exists(root("/etc/sysctl.conf")) and "99-sysctl.conf" not in files:
        later.append("/etc/sysctl.conf")
    return later


def _names(directory: str) -> Sequence[str]:
    try:
        return [name for name in os.listdir(directory) if name.endswith(".conf")]
    except OSError:
        return ()


def _assignments(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        key, sign, value = line.strip().partition("=")
        if sign and not key.startswith(("#", ";")):
            found.append((key.strip().lstrip("-").replace("/", "."), normalized(value)))
    return found
