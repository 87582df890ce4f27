# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names as Kubernetes requires them.

Source: RFC 1123, and "Object Names and IDs" in the documentation of Kubernetes.
"""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST = 253


def is_dns_label(name: str) -> bool:
    """Return whether a name is a DNS label: at most 63 lowercase letters, digits and hyphens."""
    return _LABEL.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Return whether a name consists of DNS labels with dots between them, 253 characters at most."""
    return len(name) <= _LONGEST and all(is_dns_label(part) for part in name.split("."))
