# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the harvest of a cluster is complete, from what its hosts registered; the gate between harvest and reset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Registered by the role harvest, on the control plane alone the second one
RESULTS = ("harvest_files_result", "harvest_objects_result")
# Set by the role reset where the role harvest failed
FAILURE = "_reset_harvest_failure"
# Per host: a home with a thousand unreadable files makes no message that can be read
_SHOWN = 10
_LONGEST = 500


def missing(
    variables: Mapping[str, Mapping[str, Any]], hosts: Sequence[str], reached: Iterable[str], control_plane: str,
) -> list[str]:
    """Return what could not be harvested of `hosts`, a message each that begins with the host; empty when complete.

    `variables` are the variables of each host, `reached` the hosts that have not failed in the run so far. What hosts
    registered is not trusted: of another type than expected, it counts as not harvested.
    """
    alive = set(reached)
    found: list[str] = []
    for host in hosts:
        if host in alive:
            found += _of_host(host, variables[host], host == control_plane)
        else:
            found.append(f"{host}: it was not reached, or failed before its harvest was complete")
    return found


def _of_host(host: str, variables: Mapping[str, Any], has_objects: bool) -> list[str]:
    failure = variables.get(FAILURE)
    if failure:
        return [f"{host}: {_text(failure)}"]
    said: list[str] = []
    for name in RESULTS if has_objects else RESULTS[:1]:
        result = variables.get(name)
        messages = result.get("missing") if isinstance(result, Mapping) else None
        if isinstance(messages, str) or not isinstance(messages, Sequence):
            what = "objects of its cluster" if name == RESULTS[1] else "files"
            said.append(f"{host}: it did not say whether the {what} were harvested")
            continue
        said += [f"{host}: {_text(message)}" for message in messages[:_SHOWN]]
        if len(messages) > _SHOWN:
            said.append(f"{host}: and {len(messages) - _SHOWN} more")
    return said


def _text(value: Any) -> str:
    text = " ".join(str(value).split()).rstrip(".")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
