# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import resource
import tomllib

import pytest

from testbed.podman import Engine, containers_conf, storage_conf, ulimits, write_configuration
from tools.paths import Checkout


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
