# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set SELinux to permissive or enforcing, in the running kernel and in /etc/selinux/config for the next boot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._core.plan import Change

CONFIG = "/etc/selinux/config"
# Exists only while SELinux is enforcing or permissive; libselinux reads the mode here, too
ENFORCE = "/sys/fs/selinux/enforce"
PERMISSIVE, ENFORCING, DISABLED = "permissive", "enforcing", "disabled"
_MODES = {"0": PERMISSIVE, "1": ENFORCING}
_LINE = re.compile(r"^[ \t]*SELINUX[ \t]*=[ \t]*([^\s#]*).*$", re.MULTILINE)


@dataclass(frozen=True)
class SelinuxState:
    """The live mode and the text of the configuration, each None where it does not exist."""

    live: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class SelinuxPlan:
    """The planned changes, the new text of the configuration (None: unchanged), the mode to record, and warnings."""

    steps: tuple[Change, ...] = ()
    config: str | None = None
    former: str | None = None
    warnings: tuple[str, ...] = ()


def read_state(root: Root) -> SelinuxState:
    """Read the live mode and the configuration."""
    return SelinuxState(read_live(root), read_text(root(CONFIG)))


def read_live(root: Root) -> str | None:
    """Return the mode of the running kernel, None without SELinux."""
    return _MODES.get((read_text(root(ENFORCE)) or "").strip())


def configured(text: str) -> str:
    """Return the mode that a configuration names. The last of several lines counts, as for libselinux."""
    found = _LINE.findall(text)
    return found[-1].lower() if found else ""


def plan(wanted: str, state: SelinuxState, container: bool) -> SelinuxPlan:
    """Plan the changes. A host without SELinux, or with it disabled if permissive is requested, needs none."""
    steps: list[Change] = []
    warnings: tuple[str, ...] = ()
    config = None
    if state.config is not None:
        config = _planned_config(wanted, state)
    if config is not None and state.config is not None:
        steps.append(Change("file", CONFIG, state.config, config, "the next boot would make SELinux '{}'".format(
            configured(state.config) or "the kernel's default")))
    if state.live in (None, wanted):
        return SelinuxPlan(tuple(steps), config)
    if container:
        warnings = (f"SELinux is {state.live} instead of {wanted}, but this host is a container: the mode belongs to "
                    "the host of the container and is not changed.",)
        return SelinuxPlan(tuple(steps), config, None, warnings)
    steps.append(Change("selinux", wanted, state.live or "", wanted, "the running kernel has another mode"))
    return SelinuxPlan(tuple(steps), config, state.live)


def _planned_config(wanted: str, state: SelinuxState) -> str | None:
    text = state.config or ""
    found = configured(text)
    if found == wanted or (found == DISABLED and state.live is None and wanted == PERMISSIVE):
        return None
    if found == DISABLED and state.live is None:
        raise ClassroomError(
            f"SELinux cannot be set: expected {wanted}, found it disabled in {CONFIG}. No file has a label yet. Set "
            "permissive there, run 'touch /.autorelabel', reboot, and run this again. Nothing was changed.")
    if not found:
        return text + ("" if text.endswith("\n") or not text else "\n") + f"SELINUX={wanted}\n"
    return _LINE.sub("SELINUX=" + wanted, text)


def set_live(root: Root, wanted: str) -> None:
    """Set the mode of the running kernel, without setenforce(8), which not every host has. Raises ClassroomError."""
    found = read_live(root)
    number = next(number for number, mode in _MODES.items() if mode == wanted)
    try:
        with open(root(ENFORCE), "w", encoding="ascii") as stream:
            stream.write(number)
    except OSError as problem:
        raise ClassroomError(
            "The kernel rejects the SELinux mode: expected {}, found {}: {}. A policy may allow the change only at "
            "boot (secure_mode_policyload).".format(wanted, found or "no such mode", problem.strerror)) from problem


def plan_restore(root: Root, former: str) -> tuple[Change, ...]:
    """Plan to restore the mode of the running kernel, if it still has SELinux."""
    live = read_live(root)
    if live in (None, former):
        return ()
    return (Change("selinux", former, live or "", former, "this collection changed it"),)


def restore(root: Root, step: Change) -> tuple[str, ...]:
    """Carry out the change of `plan_restore`. Raises ClassroomError."""
    set_live(root, step.target)
    return ()
