# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description of the hosts, and the command line of podman for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from molecule.interpolation import Interpolator, TemplateWithDefaults

from tools.paths import Checkout

from .output import MachineError

# The base configuration of Molecule; its `platforms` are the only description of the hosts.
DESCRIPTION = Path(".config/molecule/config.yml")
# A scenario may have fewer hosts, of other images; keys that it does not set are those of the description.
SCENARIO = "molecule/{}/molecule.yml"

# For Molecule only: the inventory, and that it must not build the image
_NOT_FOR_PODMAN = {"name", "groups", "pre_build_image", "image"}


@dataclass(frozen=True)
class MachineSet:
    """Hosts that are created and removed together: those of the lab, or of Molecule, as described by a scenario."""

    name: str
    prefix: str
    container_prefix: str
    scenario: str | None = None

    @property
    def subnet(self) -> str:
        """The network of the set; only networks of this size can be described."""
        return f"{self.prefix}.0/24"

    @property
    def network(self) -> str:
        """The prefix of podman's name for the network."""
        return f"classroom-{self.prefix}"

    @property
    def bridge(self) -> str:
        """The interface of the network: unique, at most fifteen characters, no dots, which sysctl does not support."""
        return "cls-" + self.prefix.replace(".", "-")


def machine_set(name: str, environment: Mapping[str, str], scenario: str | None = None) -> MachineSet:
    """Return the set of that name; the network of Molecule can be chosen, that of the lab is given by its inventory."""
    if name == "lab":
        return MachineSet("lab", "192.168.90", "classroom-lab-", scenario)
    return MachineSet("molecule", environment.get("CLASSROOM_NET") or "192.168.91", "", scenario)


@dataclass(frozen=True)
class Platform:
    """A host of the description, for one set."""

    name: str
    container: str
    image: str
    ip: str
    volumes: tuple[str, ...]
    keys: Mapping[str, Any] = field(compare=False)


def platforms(texts: Sequence[str], machines: MachineSet, checkout: Checkout) -> list[Platform]:
    """Return the hosts of `texts`, Molecule's base configuration and perhaps that of a scenario, for the set."""
    variables = checkout.environment | {
        "CLASSROOM_NET": machines.prefix, "MOLECULE_PROJECT_DIRECTORY": str(checkout.root),
    }
    interpolator = Interpolator(TemplateWithDefaults, variables)
    described: dict[str, dict[str, Any]] = {}
    for text in texts:
        items = (yaml.safe_load(interpolator.interpolate(text)) or {}).get("platforms")
        if items:
            described = {item["name"]: {**described.get(item["name"], {}), **item} for item in items}
    return [
        Platform(
            item["name"], machines.container_prefix + item["name"], item["image"], item["ip"],
            tuple(item.get("volumes", ())), item,
        )
        for item in described.values()
    ]


def _flag(option: str, value: Any) -> list[str]:
    return [f"--{option}={str(value).lower() if isinstance(value, bool) else value}"]


def _flags(option: str, values: Sequence[Any]) -> list[str]:
    return [flag for value in values for flag in _flag(option, value)]


_ONE = {"hostname", "privileged", "systemd", "ip"}
_MANY = {"volumes": "volume", "capabilities": "cap-add", "devices": "device", "ulimits": "ulimit"}


def mac_address(ip: str) -> str:
    """Return a fixed MAC address: with a new one at every start, neighbours would still use the former one."""
    return "02:42:" + ":".join(f"{int(octet):02x}" for octet in ip.split("."))


def prefix_of(network: str) -> str:
    """Return the first three numbers of a network's addresses, from its name."""
    return network.split("-")[1]


def create_argv(platform: Platform, network: str, labels: Mapping[str, str]) -> list[str]:
    """Return the arguments for podman to create the container of `platform`."""
    argv = ["create", f"--name={platform.container}", f"--network={network}"]
    argv += _flag("mac-address", mac_address(platform.ip))
    for key, value in platform.keys.items():
        if key in _ONE:
            argv += _flag(key, value)
        elif key in _MANY:
            argv += _flags(_MANY[key], value)
        elif key != "extra_opts" and key not in _NOT_FOR_PODMAN:
            raise MachineError(
                f"The machine {platform.name} in {DESCRIPTION} has the key '{key}', but no option of "
                f"podman is known for it. Write the option under extra_opts, or add the key to testbed/config.py."
            )
    argv += platform.keys.get("extra_opts", [])
    argv += _flags("label", [f"{key}={value}" for key, value in sorted(labels.items())])
    return [*argv, "--pull=never", platform.image]
