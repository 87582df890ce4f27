# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ssh key for the hosts, and their host keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Runner
from tools.paths import Checkout

from .podman import write_atomically


def ensure_key(checkout: Checkout, run: Runner) -> None:
    """Create the key pair once. A private key without a public key is from an interrupted run."""
    private = checkout.state / "id_ed25519"
    public = private.with_name("id_ed25519.pub")
    if private.exists() and public.exists():
        return
    checkout.state.mkdir(parents=True, exist_ok=True)
    private.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "classroom machines", "-f", str(private)])


def merged_known_hosts(text: str, new: Mapping[str, str], forget: Iterable[str] = ()) -> str:
    """Return `text`, a known_hosts file, with the keys `new` (by address) and without those of `forget`."""
    dropped = {*new, *forget}
    kept = [line for line in text.splitlines() if line.split(" ", 1)[0] not in dropped]
    return "".join(f"{line}\n" for line in [*kept, *(f"{address} {key}" for address, key in new.items())])


def update_known_hosts(checkout: Checkout, new: Mapping[str, str], forget: Iterable[str] = ()) -> None:
    """Record the host keys. Without any there is no file, by which the inventory detects that there is no lab."""
    file = checkout.state / "known_hosts"
    text = merged_known_hosts(file.read_text() if file.exists() else "", new, forget)
    if text:
        write_atomically(file, text, 0o600)
    else:
        file.unlink(missing_ok=True)


def login_argv(checkout: Checkout, address: str) -> list[str]:
    """Return a login that verifies key, address and host key at once, without the user's own ssh configuration."""
    return [
        "ssh", "-F", "none", "-i", str(checkout.state / "id_ed25519"), "-o", "IdentitiesOnly=yes",
        "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "StrictHostKeyChecking=yes",
        "-o", f"UserKnownHostsFile={checkout.state / 'known_hosts'}", f"root@{address}", "true",
    ]
