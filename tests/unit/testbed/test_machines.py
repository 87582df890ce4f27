# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from testbed.cleanup import monitors, network_removal, scaffold_removal
from testbed.fleet import action
from testbed.image import Image, build_argv
from testbed.keys import login_argv, merged_known_hosts, update_known_hosts
from tools.paths import Checkout

ROOT = Path(__file__).resolve().parents[3]
ENTRY = ROOT / "testbed/images/debian/overlay/usr/local/sbin/machine-entry"


@pytest.mark.parametrize(
    ("state", "started", "expected"),
    [
        (None, 0, "create"),
        ("running", 1, "keep"),
        ("exited", 1, "start"),
        ("stopped", 1, "start"),
        pytest.param("created", 1, "start", id="ran before the host was booted"),
        pytest.param("created", -62135596800, "create", id="killed before its first start"),
        ("configured", -62135596800, "create"),
        ("removing", 1, "create"),
        ("unknown", 1, "create"),
    ],
)
def test_action(state: str | None, started: int, expected: str) -> None:
    assert action({"State": state, "StartedAt": started} if state else None) == expected


class TestEntry:
    """The first process of a machine, with everything that it would call replaced by a recorder."""

    @pytest.fixture
    def entry(self, tmp_path: Path) -> Path:
        for name in ("umount", "mount", "init"):
            self.program(tmp_path, name, f'echo {name} "$@"')
        self.program(tmp_path, "mountpoint", "exit 1")
        return tmp_path

    @staticmethod
    def program(directory: Path, name: str, body: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)

    def run(self, directory: Path, cgroup: str) -> list[str]:
        self.program(directory, "stat", f"echo {cgroup}")
        done = subprocess.run(
            ["/bin/sh", str(ENTRY)], env={"PATH": f"{directory}:/usr/bin:/bin"},
            capture_output=True, text=True, check=True,
        )
        return done.stdout.splitlines()

    def test_cgroup_v2_needs_nothing(self, entry: Path) -> None:
        assert self.run(entry, "cgroup2fs") == ["mount --make-rshared /", "init"]

    def test_hybrid_hierarchy_of_the_host_is_left(self, entry: Path) -> None:
        assert self.run(entry, "tmpfs") == [
            "umount /sys/fs/cgroup/systemd/release_agent", "umount /sys/fs/cgroup/systemd", "mount --make-rshared /",
            "init SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0",
        ]

    def test_a_hierarchy_that_is_not_mounted_does_no_harm(self, entry: Path) -> None:
        self.program(entry, "umount", "exit 32")
        assert self.run(entry, "tmpfs")[-1].startswith("init SYSTEMD")


class TestImage:
    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        (tmp_path / "overlay").mkdir()
        (tmp_path / "packages").write_text("# why\nsystemd\n\nopenssh-server\n")
        (tmp_path / "pool").write_text("# why not\npodman\n")
        (tmp_path / "overlay" / "file").write_text("x")
        return Image("classroom-test", tmp_path)

    def test_packages_without_comments(self, image: Image) -> None:
        assert image.packages == ["systemd", "openssh-server"]
        assert "--include=systemd,openssh-server" in build_argv(image, Path("/x"), Path("/m"))

    def test_key_follows_what_makes_the_image(self, image: Image) -> None:
        keys = [image.key]
        (image.directory / "packages").write_text("# another reason\nsystemd\nopenssh-server\n")
        (image.directory / "pool").write_text("podman\n")
        assert image.key == keys[0]
        (image.directory / "overlay" / "file").write_text("y")
        keys.append(image.key)
        (image.directory / "overlay" / "file").chmod(0o755)
        keys.append(image.key)
        (image.directory / "overlay" / "file").rename(image.directory / "overlay" / "other")
        keys.append(image.key)
        (image.directory / "packages").write_text("systemd\n")
        keys.append(image.key)
        (image.directory / "pool").write_text("podman\ntmux\n")
        keys.append(image.key)
        assert len(set(keys)) == 6

    def test_an_image_on_another_has_what_that_one_has(self, image: Image, tmp_path: Path) -> None:
        upper = tmp_path / "upper"
        upper.mkdir()
        (upper / "packages").write_text("dnf\n")
        (upper / "pool").write_text("tmux\n")
        both = Image("classroom-upper", upper, image)
        assert both.packages == ["systemd", "openssh-server", "dnf"]
        hooks = [argument for argument in build_argv(both, Path("/x"), Path("/m")) if "customize-hook" in argument]
        assert hooks[0].endswith('/download "$1" /m podman tmux') and both.pool == ["podman", "tmux"]
        assert [str(upper) in hook for hook in hooks] == [False, False, False, True, True]
        before = both.key
        (image.directory / "overlay" / "file").write_text("y")
        assert len({before, both.key, image.key}) == 3

    def test_no_mirror_is_named(self, image: Image) -> None:
        assert not any("://" in argument for argument in build_argv(image, Path("/x"), Path("/m")))

    def test_the_image_is_that_of_a_cloud(self, image: Image) -> None:
        """What Debian marks as required and important, and no package lists: those are not to be kept."""
        argv = build_argv(image, Path("/x"), Path("/m"))
        assert "--variant=important" in argv
        assert not any("skip" in argument for argument in argv)


class TestKnownHosts:
    def test_a_new_key_replaces_the_old_one_of_that_address_only(self) -> None:
        text = "192.168.90.10 ssh-ed25519 OLD\n192.168.90.100 ssh-ed25519 B\n"
        assert merged_known_hosts(text, {"192.168.90.10": "ssh-ed25519 NEW"}) == (
            "192.168.90.100 ssh-ed25519 B\n192.168.90.10 ssh-ed25519 NEW\n"
        )

    def test_file_goes_with_the_last_machine(self, checkout: Checkout) -> None:
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


SCAFFOLD = """\
*filter
:INPUT ACCEPT [0:0]
:NETAVARK_FORWARD - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD
COMMIT
*nat
:NETAVARK-HOSTPORT-MASQ - [0:0]
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A NETAVARK-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
COMMIT
"""
NETWORK = SCAFFOLD.replace("*nat\n", "*nat\n:NETAVARK-C73F18B813054 - [0:0]\n").replace(
    "-A POSTROUTING -j NETAVARK-H",
    "-A POSTROUTING -s 192.168.95.0/24 -j NETAVARK-C73F18B813054\n"
    "-A POSTROUTING -s 192.168.95.0/24 -j MASQUERADE\n"
    "-A NETAVARK-C73F18B813054 -d 192.168.95.0/24 -j ACCEPT\n-A POSTROUTING -j NETAVARK-H",
).replace('NETAVARK_FORWARD\nCOMMIT', 'NETAVARK_FORWARD\n-A NETAVARK_FORWARD -s 192.168.95.0/24 -j ACCEPT\nCOMMIT')


class TestRules:
    def test_common_chains_are_removed_and_nothing_else(self) -> None:
        assert scaffold_removal(SCAFFOLD).splitlines() == [
            "*filter",
            '-D FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD',
            "-F NETAVARK_FORWARD", "-X NETAVARK_FORWARD", "COMMIT",
            "*nat", "-D POSTROUTING -j NETAVARK-HOSTPORT-MASQ",
            "-F NETAVARK-HOSTPORT-MASQ", "-X NETAVARK-HOSTPORT-MASQ", "COMMIT",
        ]

    @pytest.mark.parametrize("saved", ["", NETWORK, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"])
    def test_common_chains_stay_while_a_network_uses_them(self, saved: str) -> None:
        assert scaffold_removal(saved) == ""

    def test_rules_of_one_network(self) -> None:
        assert network_removal(NETWORK, "192.168.95.0/24").splitlines() == [
            "*filter", "-D NETAVARK_FORWARD -s 192.168.95.0/24 -j ACCEPT", "COMMIT",
            "*nat", "-D POSTROUTING -s 192.168.95.0/24 -j NETAVARK-C73F18B813054",
            "-F NETAVARK-C73F18B813054", "-X NETAVARK-C73F18B813054", "COMMIT",
        ]

    @pytest.mark.parametrize("subnet", ["192.168.9.0/24", "192.168.90.0/24"])
    def test_other_networks_keep_theirs(self, subnet: str) -> None:
        assert network_removal(NETWORK, subnet) == ""


def test_monitors_are_told_apart_by_where_their_container_lies() -> None:
    processes = {
        1: ["/sbin/init"], 2: [""],
        7: ["/usr/bin/conmon", "-c", "mine", "-b", "/srv/a/.cache/podman/storage/x", "-n", "master"],
        8: ["/usr/bin/conmon", "-c", "other", "-b", "/srv/ab/.cache/podman/storage/x"],
        10: ["/usr/bin/conmon", "--version"],
        11: [],
        12: ["conmon", "-b"],
        9: ["grep", "conmon", "-b", "/srv/a/.cache/podman/storage/x"],
    }
    assert monitors(processes, Path("/srv/a/.cache/podman")) == {"mine": 7}
