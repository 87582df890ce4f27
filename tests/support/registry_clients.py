# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""podman, buildah and skopeo of this host, run as if they were on a machine: with its address and its configuration.

The image of the machines does not have them. They get the machine's network and see its /etc/containers in the place of
this host's, in a namespace of mounts that ends with them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# What a package of these tools would bring along on the machine
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
_SCRIPT = """
set -e
mount --bind "$1/containers" /etc/containers
# Names as well are the machine's to resolve: upstream's registries cannot be found by them
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
shift
exec "$@"
"""


def process_of(machine: str) -> Path:
    """The first process of a machine, as /proc of this host has it."""
    asked = ["podman", "inspect", "--format={{.State.Pid}}", machine]
    return Path("/proc", subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())


def tool(machine: str, *argv: str) -> str:
    """Run a tool as on `machine` and return what it printed; fails with its words."""
    process = process_of(machine)
    with tempfile.TemporaryDirectory() as etc:
        # Copies: a mount of another namespace cannot be bound into this one
        shutil.copytree(process / "root/etc/containers", Path(etc, "containers"))
        shutil.copyfile(process / "root/etc/resolv.conf", Path(etc, "resolv.conf"))
        Path(etc, "containers/policy.json").write_text(_POLICY, encoding="utf-8")
        done = subprocess.run(
            ["nsenter", f"--net={process}/ns/net", "unshare", "--mount", "sh", "-c", _SCRIPT, "sh", etc, *argv],
            # The variables that make this host's podman the lab's would be read before the machine's files
            env={name: value for name, value in os.environ.items() if not name.startswith("CONTAINERS_")},
            check=False, capture_output=True, text=True, timeout=120,
        )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout
