# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.config import (
    DESCRIPTION,
    MachineSet,
    Platform,
    create_argv,
    mac_address,
    machine_set,
    platforms,
    prefix_of,
)
from testbed.image import images
from testbed.output import MachineError
from tools.paths import Checkout

ROOT = Path(__file__).resolve().parents[3]
LAB = machine_set("lab", {})
TEXT = """
platforms:
  - name: master
    hostname: master
    groups: [control_plane]
    image: localhost/x:latest
    pre_build_image: true
    privileged: true
    systemd: always
    ip: ${CLASSROOM_NET:-192.168.91}.100
    volumes: ["${CLASSROOM_CACHE}/bundle:/srv/bundle:ro", /var/lib/etcd]
    extra_opts: [--no-hosts]
"""


def test_description_becomes_the_arguments_of_podman(checkout: Checkout) -> None:
    (master,) = platforms([TEXT], LAB, checkout)
    assert create_argv(master, "net", {"b": "2", "a": "1"}) == [
        "create", "--name=classroom-lab-master", "--network=net", "--mac-address=02:42:c0:a8:5a:64",
        "--hostname=master", "--privileged=true", "--systemd=always", "--ip=192.168.90.100",
        f"--volume={checkout.cache}/bundle:/srv/bundle:ro", "--volume=/var/lib/etcd", "--no-hosts",
        "--label=a=1", "--label=b=2", "--pull=never", "localhost/x:latest",
    ]


@pytest.mark.parametrize(
    ("name", "environment", "address", "container"),
    [
        ("lab", {}, "192.168.90.100", "classroom-lab-master"),
        ("lab", {"CLASSROOM_NET": "192.168.95"}, "192.168.90.100", "classroom-lab-master"),
        ("molecule", {}, "192.168.91.100", "master"),
        ("molecule", {"CLASSROOM_NET": ""}, "192.168.91.100", "master"),
        ("molecule", {"CLASSROOM_NET": "10.9.8"}, "10.9.8.100", "master"),
    ],
)
def test_one_description_serves_both_sets(
    checkout: Checkout, name: str, environment: dict[str, str], address: str, container: str
) -> None:
    (master,) = platforms([TEXT], machine_set(name, environment), checkout)
    assert (master.ip, master.container) == (address, container)


SCENARIO_TEXT = """
scenario: {name: two}
platforms:
  - {name: node1, groups: [workers], image: localhost/y:latest, ip: 10.0.0.7}
  - {name: master, groups: [control_plane], image: localhost/y:latest}
"""


@pytest.mark.parametrize(("scenario", "found"), [
    ("scenario: {name: one}\n", [("master", "localhost/x:latest", "192.168.90.100", True)]),
    (SCENARIO_TEXT, [("node1", "localhost/y:latest", "10.0.0.7", False),
                     ("master", "localhost/y:latest", "192.168.90.100", True)]),
])
def test_a_scenario_may_have_hosts_of_its_own(
    checkout: Checkout, scenario: str, found: list[tuple[str, str, str, bool]]
) -> None:
    """What it does not say of one is as in the description, and a key that it has wins."""
    machines = platforms([TEXT, scenario], LAB, checkout)
    assert [(one.name, one.image, one.ip, "privileged" in one.keys) for one in machines] == found


@pytest.mark.parametrize("file", sorted((ROOT / "molecule").glob("*/molecule.yml")), ids=lambda file: file.parent.name)
def test_every_host_of_every_scenario_has_an_image(checkout: Checkout, file: Path) -> None:
    known = images(Checkout(ROOT, checkout.cache, checkout.run_root))
    texts = [(ROOT / DESCRIPTION).read_text(), file.read_text()]
    assert {one.image for one in platforms(texts, LAB, checkout)} <= set(known)


def test_a_key_that_podman_cannot_accept_is_named() -> None:
    platform = Platform("master", "master", "x", "10.0.0.1", (), {"name": "master", "colour": "red"})
    with pytest.raises(MachineError, match=r"master .* key 'colour'"):
        create_argv(platform, "net", {})


@pytest.mark.parametrize("prefix", ["192.168.90", "10.0.0", "255.255.255"])
def test_names_of_a_set_fit_the_kernel_and_lead_back(prefix: str) -> None:
    machines = MachineSet("molecule", prefix, "")
    assert len(machines.bridge) <= 15
    assert "." not in machines.bridge
    assert prefix_of(f"{machines.network}-1795206489") == prefix


def test_mac_address_is_private_and_the_hosts_own() -> None:
    assert mac_address("192.168.91.10") == "02:42:c0:a8:5b:0a"
    assert mac_address("192.168.91.10") != mac_address("192.168.91.100")


def test_the_real_description_is_understood(checkout: Checkout) -> None:
    machines = platforms([(ROOT / DESCRIPTION).read_text()], LAB, checkout)
    assert {machine.name: machine.ip for machine in machines} == {
        "master": "192.168.90.100", "node1": "192.168.90.101", "node2": "192.168.90.102",
        "utility.example.com": "192.168.90.10",
    }
    argv = {machine.name: create_argv(machine, "net", {}) for machine in machines}
    assert all("--cgroupns=private" in line and "--privileged=true" in line for line in argv.values())
    from_cache = f"--volume={checkout.cache}/bundle:"
    served = {name: [part for part in line if part.startswith(from_cache)] for name, line in argv.items()}
    assert [name for name, parts in served.items() if parts] == ["utility.example.com"]
    assert served["utility.example.com"][0].endswith(":ro")
