# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import nameservers


@pytest.mark.parametrize(("resolv_conf", "resolved", "expected"), [
    (None, None, ()),
    ("", None, ()),
    ("search example.com\noptions edns0\n", None, ()),
    ("nameserver 10.0.0.1\nnameserver fe80::1%eth0\n", None, ("10.0.0.1", "fe80::1%eth0")),
    ("# nameserver 10.0.0.1\n; nameserver 10.0.0.2\n", None, ()),
    ("nameserver\nnameserver name.example.com\nnameserver 0.0.0.0\n", None, ()),
    # The local server of systemd-resolved stands for those that it asks
    ("nameserver 127.0.0.53\n", "nameserver 10.0.0.1\n", ("10.0.0.1",)),
    ("nameserver 127.0.0.53\n", "# No DNS servers known.\n", ()),
    ("nameserver 127.0.0.1\n", None, ()),
    ("nameserver ::1\nnameserver 10.0.0.1\n", None, ("10.0.0.1",)),
])
def test_nameservers_are_those_that_a_pod_can_reach(
    tmp_path: Path, resolv_conf: str | None, resolved: str | None, expected: tuple[str, ...]
) -> None:
    for path, text in ((nameservers.RESOLV_CONF, resolv_conf), (nameservers.RESOLVED, resolved)):
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            file.write_text(text, encoding="utf-8")
    assert nameservers.usable(Root(str(tmp_path))) == expected
