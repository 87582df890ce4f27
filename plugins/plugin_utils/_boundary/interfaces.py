# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparison of the interfaces that a host reports with the requested networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .addresses import usable
from .convert import Misfit

_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}")


def check_interfaces(options: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Raise Misfit unless the interfaces fit: their addresses go into configurations of other hosts.

    `options` are those of the module host_interfaces, `result` is its converted result.
    """
    interfaces = (result.get("ansible_facts") or {}).get("classroom_interfaces") or {}
    for side, found in interfaces.items():
        if not found:
            continue
        network = str(options.get(side + "_network") or "")
        if not usable(found.get("address") or "", network):
            raise Misfit("expected the {} address to be one address in {}, found another value".format(
                side, network or "a network"))
        if not _INTERFACE.fullmatch(found.get("interface") or "") or not 0 <= (found.get("prefix") or 0) <= 128:
            raise Misfit(f"expected an interface and a prefix of the {side} address, found other values")
