# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements that a role has of a host."""

from __future__ import annotations

from dataclasses import dataclass

from .._runtime import runtimes


@dataclass(frozen=True)
class HostRequirements:
    """The role of a host, and what the host needs for it. Sizes are in MiB, `max_clock_offset` is in seconds."""

    role: str
    address: str | None = None
    min_memory_mib: int = 1700
    min_cpus: int = 2
    max_clock_offset: float = 60.0
    api_port: int = 6443
    cri_socket: str | None = None
    required_free_mib: int = 1024
    ports: tuple[str, ...] = ()
    kernel_features: tuple[str, ...] = ("overlay", "br_netfilter")
    runtime: runtimes.RuntimeSpec | None = None
