# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done with a user's rights ends where that user's rights end, and root comes back."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.owner_rights import Account, acting_as

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def account(tmp_path: Path) -> Account:
    nobody = pwd.getpwnam("nobody")
    return Account("nobody", nobody.pw_uid, nobody.pw_gid, str(tmp_path))


def test_a_link_leads_no_further_than_its_owner(tmp_path: Path, account: Account) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    with acting_as(account), pytest.raises(PermissionError):
        secret.write_text("y")
    assert (os.geteuid(), secret.read_text()) == (0, "x")


def test_only_effective_ids_change_and_all_come_back(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 4242])
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with pytest.raises(RuntimeError), acting_as(account):
        assert os.getresuid() == (0, account.uid, 0)
        assert os.getresgid() == (0, account.gid, 0)
        assert sorted(os.getgroups()) == sorted([account.gid, 4242])
        raise RuntimeError
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_an_id_that_the_kernel_does_not_know_leaves_root_as_it_was(
    account: Account, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(uid: int) -> None:
        if uid:
            raise OSError(22, "Invalid argument")

    before = (os.getresuid(), os.getresgid(), os.getgroups())
    monkeypatch.setattr(os, "seteuid", refuse)
    with pytest.raises(OSError, match="Invalid argument"), acting_as(account):
        pytest.fail("the block must not run with root's rights")
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_root_stays_root(tmp_path: Path) -> None:
    with acting_as(Account("root", 0, 0, str(tmp_path))):
        assert os.geteuid() == 0
