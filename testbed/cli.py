#!/usr/bin/env python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create, show and remove the hosts of the lab and the tests, and their image."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Replace this directory, in which this file would be found as the package that it imports
sys.path[0:1] = [str(ROOT), str(ROOT / ".collections")]

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, run
from testbed import host_check, subnets
from testbed.config import machine_set
from testbed.fleet import Fleet
from testbed.image import ensure_image
from testbed.output import MachineError, NetworkTaken, say
from tools.paths import Checkout

# Exit status when another checkout has the network, which is not a failure
NETWORK_TAKEN = 3


def image(checkout: Checkout, fleet: Fleet, _arguments: argparse.Namespace) -> None:
    """Build the images of the hosts if they are missing."""
    for described in dict.fromkeys(fleet.image_of(platform) for platform in fleet.platforms):
        if not ensure_image(described, checkout, fleet.podman, run):
            say(f"{described.reference_by_key} is there, nothing to do")


def up(_checkout: Checkout, fleet: Fleet, arguments: argparse.Namespace) -> None:
    """Start the hosts and wait until they respond."""
    changed = fleet.up()
    if arguments.inventory:
        fleet.write_inventory(arguments.inventory)
    names = ", ".join(f"{platform.name} {platform.ip}" for platform in fleet.platforms)
    if arguments.json:
        say(json.dumps({"changed": changed}))
        return
    say(f"machines run and answer: {names}" if changed else f"machines run and answer, nothing to do: {names}")


def down(_checkout: Checkout, fleet: Fleet, arguments: argparse.Namespace) -> None:
    """Remove the hosts and everything that was created for them."""
    changed = fleet.as_it_is().down()
    if arguments.json:
        say(json.dumps({"changed": changed}))
        return
    say("machines are gone" if changed else "no machines, nothing to do")


def status(_checkout: Checkout, fleet: Fleet, _arguments: argparse.Namespace) -> None:
    """Show the hosts: name, address, container, systemd."""
    for row in fleet.as_it_is().status():
        say("{:<10}{:<17}{:<10}{}".format(*row))


def env(checkout: Checkout, _fleet: Fleet, _arguments: argparse.Namespace) -> None:
    """Print the environment for podman, Molecule and the lab's inventory, for eval in a shell."""
    for name, value in checkout.environment.items():
        say(f"export {name}={shlex.quote(value)}")


def free_subnet(_checkout: Checkout, fleet: Fleet, arguments: argparse.Namespace) -> None:
    """Print a value for CLASSROOM_NET: the network of the tests' hosts in this checkout, or a free one."""
    say(fleet.prefix_in_use() or subnets.free_prefix(subnets.taken_subnets(run), arguments.besides))


def room(checkout: Checkout, _fleet: Fleet, _arguments: argparse.Namespace) -> None:
    """Print the number of clusters of four hosts for which there is memory, disk space and inotify instances now."""
    say(str(host_check.room(host_check.read_host(run, checkout.root))))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main_parser = argparse.ArgumentParser(prog="testbed/cli.py", description=__doc__)
    commands = main_parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function in {
        "image": image, "up": up, "down": down, "status": status, "env": env, "free-subnet": free_subnet, "room": room,
    }.items():
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(
            function=function, set="molecule" if function is free_subnet else "lab", inventory=None, scenario=None,
        )
        if function in (up, down, status):
            command.add_argument("--set", choices=["lab", "molecule"], default="lab", help="whose (default: the lab's)")
        if function in (up, down):
            command.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
        if function in (image, up, status):
            command.add_argument("--scenario", help="one whose molecule.yml has machines of its own")
        if function is free_subnet:
            command.add_argument("--besides", action="append", default=[], metavar="PREFIX", help="nor this one")
        if function is up:
            command.add_argument("--inventory", type=Path, help="file to write the machines' addresses to")
    return main_parser


def main() -> int:
    """Run the command; errors are printed as messages."""
    arguments = parser().parse_args()
    checkout = Checkout.of(ROOT)
    try:
        host_check.require_basics()
        fleet = Fleet.of(checkout, machine_set(arguments.set, os.environ, arguments.scenario), run)
        arguments.function(checkout, fleet, arguments)
    except (MachineError, CommandFailed, OSError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return NETWORK_TAKEN if isinstance(error, NetworkTaken) else 1
    except KeyboardInterrupt:
        print("testbed: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
