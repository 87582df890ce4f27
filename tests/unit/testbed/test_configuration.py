# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import resource
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from testbed.host_check import DISK, INOTIFY, MEMORY, Host, basic_complaints, complaints
from testbed.podman import Engine, containers_conf, storage_conf, ulimits, write_configuration
from tools.paths import Checkout

GOOD = Host(overlay=True, bridge_netfilter=True, firewall=True, memory=MEMORY, disk=DISK, inotify=INOTIFY)


@pytest.mark.parametrize("systemd", [True, False])
def test_podman_keeps_to_the_checkout(checkout: Checkout, systemd: bool) -> None:
    conf = tomllib.loads(containers_conf(checkout, Engine(systemd, ("nofile=9:9",))))
    assert conf["engine"]["cgroup_manager"] == ("systemd" if systemd else "cgroupfs")
    assert conf["engine"]["runtime"] == "runc"
    assert conf["engine"]["lock_type"] == "file"
    assert conf["containers"]["default_ulimits"] == ["nofile=9:9"]
    storage = tomllib.loads(storage_conf(checkout))["storage"]
    engine = conf["engine"]
    kept = [engine["static_dir"], engine["volume_path"], conf["network"]["network_config_dir"], storage["graphroot"]]
    assert all(path.startswith(f"{checkout.podman}/") for path in kept)
    assert all(path.startswith(f"{checkout.run}/") for path in (engine["tmp_dir"], storage["runroot"]))


def test_configuration_is_written_once(checkout: Checkout) -> None:
    write_configuration(checkout, Engine(False, ()))
    file = checkout.podman / "containers.conf"
    first = file.stat()
    write_configuration(checkout, Engine(False, ()))
    assert file.stat().st_mtime_ns == first.st_mtime_ns
    write_configuration(checkout, Engine(True, ()))
    assert '"systemd"' in file.read_text()


def test_checkouts_share_nothing_but_the_cache(checkout: Checkout) -> None:
    other = replace(checkout, root=checkout.root.with_name("other"))
    differ = {key for key, value in checkout.environment.items() if other.environment[key] != value}
    assert differ == set(checkout.environment) - {"CLASSROOM_CACHE"}


@pytest.mark.parametrize(
    ("environment", "cache"),
    [({}, ".cache"), ({"CLASSROOM_CACHE": ""}, ".cache"), ({"CLASSROOM_CACHE": "/var/cache/x"}, "/var/cache/x")],
)
def test_cache_is_the_checkouts_unless_told(tmp_path: Any, environment: dict[str, str], cache: str) -> None:
    assert Checkout.of(tmp_path, environment).cache == tmp_path / cache


@pytest.mark.parametrize(
    ("capabilities", "hard", "limits"),
    [
        pytest.param("000001ffffffffff", (20000, 90000), [], id="may raise them"),
        pytest.param("000001fffeffffff", (20000, 90000), ["nofile=20000:20000", "nproc=32768:32768"], id="may not"),
        pytest.param("0", (4096, 500), ["nofile=4096:4096", "nproc=500:500"], id="fewer than process ids"),
        pytest.param("0", (resource.RLIM_INFINITY,) * 2, ["nproc=32768:32768"], id="unlimited"),
    ],
)
def test_limits_where_none_may_be_raised(capabilities: str, hard: tuple[int, int], limits: list[str]) -> None:
    status = f"Name:\tx\nCapEff:\t{capabilities}\n"
    assert ulimits(status, {"nofile": hard[0], "nproc": hard[1]}, pid_max=32768) == tuple(limits)


def test_a_good_host_has_no_complaints() -> None:
    assert complaints(GOOD) == []
    assert basic_complaints(True, []) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overlay": False}, "overlay"),
        ({"bridge_netfilter": False}, "br_netfilter"),
        ({"firewall": False}, "nat table"),
        ({"memory": MEMORY // 2}, "4 machines of a cluster want 6.0 GiB of memory, 3.0 GiB are free"),
        ({"disk": DISK // 2}, "want, with their images, 10.0 GiB of disk, 5.0 GiB are free"),
        ({"inotify": INOTIFY - 1}, "want 72 inotify instances, 71 are free. Remove other labs, or allow more: sysctl"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(change: dict[str, Any], words: str) -> None:
    (sentence,) = complaints(replace(GOOD, **change))
    assert words in sentence


def test_a_machine_that_is_started_again_wants_a_part_of_it() -> None:
    small = replace(GOOD, memory=MEMORY // 4, disk=DISK // 4, inotify=INOTIFY // 4)
    assert complaints(small, machines=1) == [] and len(complaints(small)) == 3
    (sentence,) = complaints(replace(small, inotify=1), machines=1)
    assert "A machine of a cluster wants 18 inotify instances, 1 are free" in sentence


def test_programs_are_named_by_their_packages_once() -> None:
    (sentence,) = basic_complaints(True, ["podman", "openssh-client", "openssh-client"])
    assert sentence.endswith("apt-get install openssh-client podman")


def test_root_and_programs_are_asked_for_together() -> None:
    assert len(basic_complaints(False, ["podman"])) == 2
