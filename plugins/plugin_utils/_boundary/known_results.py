# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results that a host has already returned in this run, by the digest of the module's options.

The module host_configure returns the results of several modules from one call. A role's task with the same module and
the same options takes its result from there, without a call on the host; with other options it runs as always.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

# The registered result of the role configure
CONFIGURED = "configure_result"
# Of this process, and of the processes that it forks for the hosts. Without a key, a password could be guessed from the
# digest of options that contain it
_KEY = secrets.token_bytes(32)


def digest(module: str, options: Mapping[str, Any]) -> str:
    """Return the digest of a module's name and its options."""
    text = json.dumps([module, options], sort_keys=True, default=str)
    return hmac.new(_KEY, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def known_result(
    module: str, options: Mapping[str, Any], task_vars: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Return the result that the role configure registered for the same module and options, None if there is none.

    An undecided one does not count, because the host on which it depends may be reachable by now.
    """
    registered = (task_vars or {}).get(CONFIGURED)
    sections = registered.get("sections") if isinstance(registered, Mapping) else None
    candidates = [section for section in (sections.values() if isinstance(sections, Mapping) else ())
                  if section.get("module") == module and section["result"].get("decision") != "undecided"]
    if not candidates:
        return None
    wanted = digest(module, options)
    return next((dict(section["result"]) for section in candidates if section["digest"] == wanted), None)
