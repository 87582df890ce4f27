# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import host_identity_info
from tests.unit.support.residue_lab import Host


@pytest.mark.parametrize("check", [True, False])
def test_what_tells_hosts_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable[..., dict[str, Any]], check: bool
) -> None:
    host = Host(tmp_path)
    host.write("/etc/machine-id", "0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa\n")
    host.write("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 QUFBQQ== root@template\n")
    monkeypatch.setattr(host_identity_info, "NodeContext", lambda: host.machine)
    result = run_main(host_identity_info.main, {}, check=check)
    assert (result["failed"], result["changed"]) == (False, False)
    assert result["identity"]["machine_id"] == "0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa"
    assert set(result["identity"]["ssh_host_keys"]) == {"ssh-ed25519"}
