# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pod network that `kubeadm reset` by hand leaves on a host.

The new Node gets another pod subnet. With the address of the former one on the bridge the CNI plugin rejects every pod,
and from the file it takes the former subnet until flanneld has written it again.
"""

from __future__ import annotations

import os

from .._core.files import Root

_PATHS = ("/sys/class/net/cni0", "/run/flannel/subnet.env")


def left_pod_network(root: Root) -> tuple[str, ...]:
    """Return the paths that show a former pod network on a host without a cluster, empty if there is none."""
    return tuple(path for path in _PATHS if os.path.exists(root(path)))
