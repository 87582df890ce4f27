# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SELinux permissive or enforcing: the running kernel's mode, and the one of /etc/selinux/config for the next boot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._core.plan import Change

CONFIG = "/etc/selinux/config"
# There only while the kernel enforces or watches; libselinux looks here, too
ENFORCE = "/sys/fs/selinux/enforce"
PERMISSIVE, ENFORCING, DISABLED = "permissive", "enforcing", "disabled"
_MODES = {"0": PERMISSIVE, "1": ENFORCING}
_LINE = re.compile(r"^[ \t]*SELINUX[ \t]*=[ \t]*([^\s#]*).*$", re.MULTILINE)


@dataclass(frozen=True)
class SelinuxState:
    """The live mode and the configuration's text, each None where there is none."""

    live: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class SelinuxPlan:
    """Steps, the new text of the configuration (None: it stays), the live mode to keep, and what else to say."""

    steps: tuple[Change, ...] = ()
    config: str | None = None
    former: str | None = None
    warnings: tuple[str, ...] = ()


def read_state(root: Root) -> SelinuxState:
    return SelinuxState(read_live(root), read_text(root(CONFIG)))


def read_live(root: Root) -> str | None:
    return _MODES.get((read_text(root(ENFORCE)) or "").strip())


def configured(text: str) -> str:
    """The mode that a configuration names; the last line of several counts, as for libselinux no other does."""
    found = _LINE.findall(text)
    return found[-1].lower() if found else ""


def plan(wanted: str, state: SelinuxState, container: bool) -> SelinuxPlan:
    """A machine without SELinux, or with it disabled where permissive is wanted, needs nothing."""
    steps: list[Change] = []
    warnings: tuple[str, ...] = ()
    config = None
    if state.config is not None:
        config = _planned_config(wanted, state)
    if config is not None and state.config is not None:
        steps.append(Change("file", CONFIG, state.config, config, "the next boot would make SELinux '{}'".format(
            configured(state.config) or "what the kernel likes")))
    if state.live in (None, wanted):
        return SelinuxPlan(tuple(steps), config)
    if container:
        warnings = (f"SELinux is {state.live} here and {wanted} is wanted, but this machine is a container: the mode "
                    "belongs to the "
                    "host, which is left as it is.",)
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
            f"Wanted SELinux {wanted}, found it disabled in {CONFIG}. No file here has a label yet: write permissive "
            "there, "
            "'touch /.autorelabel', boot, and run this again.")
    if not found:
        return text + ("" if text.endswith("\n") or not text else "\n") + f"SELINUX={wanted}\n"
    return _LINE.sub("SELINUX=" + wanted, text)


def set_live(root: Root, wanted: str) -> None:
    """What setenforce(8) does, which not every machine has."""
    found = read_live(root)
    number = next(number for number, mode in _MODES.items() if mode == wanted)
    try:
        with open(root(ENFORCE), "w", encoding="ascii") as stream:
            stream.write(number)
    except OSError as problem:
        raise ClassroomError(
            "Wanted SELinux {}, found {}, and the kernel refuses the change: {}. A policy may forbid it to all but "
            "the boot (secure_mode_policyload).".format(wanted, found or "no such mode", problem.strerror)) from problem


def back_plan(root: Root, former: str) -> tuple[Change, ...]:
    """The mode that the running kernel had, where it has SELinux still."""
    live = read_live(root)
    if live in (None, former):
        return ()
    return (Change("selinux", former, live or "", former, "this collection changed it"),)


def back(root: Root, step: Change) -> tuple[str, ...]:
    set_live(root, step.target)
    return ()
