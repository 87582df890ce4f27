# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from testbed.keys import login_argv, merged_known_hosts, update_known_hosts
from tools.paths import Checkout


class TestKnownHosts:
    def test_a_new_key_replaces_the_old_one_of_that_address_only(self) -> None:
        text = "192.168.90.10 ssh-ed25519 OLD\n192.168.90.100 ssh-ed25519 B\n"
        assert merged_known_hosts(text, {"192.168.90.10": "ssh-ed25519 NEW"}) == (
            "192.168.90.100 ssh-ed25519 B\n192.168.90.10 ssh-ed25519 NEW\n"
        )

    def test_file_goes_with_the_last_host(self, checkout: Checkout) -> None:
        checkout.state.mkdir(parents=True)
        file = checkout.state / "known_hosts"
        update_known_hosts(checkout, {"10.0.0.1": "ssh-ed25519 A", "10.0.0.2": "ssh-ed25519 B"})
        assert file.stat().st_mode & 0o777 == 0o600
        update_known_hosts(checkout, {}, ["10.0.0.1"])
        assert file.read_text() == "10.0.0.2 ssh-ed25519 B\n"
        update_known_hosts(checkout, {}, ["10.0.0.2"])
        assert not file.exists()

    def test_login_uses_only_the_checkouts_files(self, checkout: Checkout) -> None:
        line = " ".join(login_argv(checkout, "10.0.0.1"))
        assert "-F none" in line
        assert "StrictHostKeyChecking=yes" in line
        assert f"UserKnownHostsFile={checkout.state}/known_hosts" in line
