# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a bundle from the controller: query missing files of the host, send them, and activate the new bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.lock import (
    NAME,
    SIGNATURE,
    image_problems,
    read,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.transfer import batches
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import programs
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import read_text
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.action import HostAction
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import Misfit

MODULE = "bundle_receive"
# The options are documented in modules/bundle_copy.py, where Ansible looks for them
SPEC = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "storage": {"type": "path"},
    "signed_by": {"type": "list", "elements": "str", "default": []},
}
# Bytes that an interruption may lose and that the temporary directory of the host must hold
BATCH = 64 << 20


def sizes(bundle: Path) -> dict[str, int]:
    """Return the size of every file of a bundle's lock in bytes; raise ClassroomError if one is missing."""
    lock = read(str(bundle))
    names = {blob_path(digest): reference for reference, digest in lock.images.items()}
    found: dict[str, int] = {}
    lacking = []
    for name in lock.files:
        try:
            found[name] = (bundle / name).stat().st_size
        except OSError:
            lacking.append(f"{name} (the image {names[name]})" if name in names else name)
    if lacking:
        raise ClassroomError(
            "The bundle is incomplete: expected every file of the lock in {} on the controller, found no {}. Copy it "
            "again from its source, or build the bundle again.".format(bundle, ", ".join(lacking)))
    different = image_problems(str(bundle), lock)
    if different:
        raise ClassroomError("\n".join(different))
    return found


def blob_path(digest: str) -> str:
    """Return the path of a blob in a bundle."""
    return "/".join(("oci/blobs", *digest.split(":", 1)))


class ActionModule(HostAction):
    """Ansible's entry point."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Copy the bundle and return the result of the task."""
        result = self.begin(tmp, task_vars)
        _validation, given = self.validate_argument_spec(argument_spec=SPEC)
        bundle = Path(given["src"])
        try:
            found_sizes = sizes(bundle)
            programs.require(gpg.TOOLS)
            bundle_signature.require_known_signer(str(bundle), given["signed_by"])
            options = {"dest": given["dest"], "sizes": found_sizes, "lock": read_text(str(bundle / NAME)),
                       "signature": read_text(str(bundle / SIGNATURE)) or "", "storage": given["storage"]}
        except ClassroomError as problem:
            return {**result, "failed": True, "msg": str(problem)}
        self._known = frozenset(options["sizes"])
        found = self._part(options, task_vars)
        if not found.get("failed"):
            found.setdefault("sent", [])
        if not found.get("failed") and found.get("changed") and not self._task.check_mode:
            failure = self._send(bundle, options, found["sent"], task_vars)
            if failure:
                return {**result, **failure}
        return {**result, **found}

    def _send(self, bundle: Path, options: Mapping[str, Any], names: Sequence[str], task_vars: Any) -> dict[str, Any]:
        """Send all missing files and activate the bundle; return the result of a failed part, empty if none failed."""
        # A directory to which the user of the connection, who need not be root, may write
        place = self._connection._shell.tmpdir
        for group in batches(names, options["sizes"], BATCH):
            arrived = {}
            for number, name in enumerate(group):
                arrived[name] = self._connection._shell.join_path(place, f"file-{number}")
                self._transfer_file(str(bundle / name), arrived[name])
            self._fixup_perms2((place, *arrived.values()))
            taken = self._part({**options, "arrived": arrived}, task_vars)
            if taken.get("failed"):
                return taken
        finished = self._part({**options, "finish": True}, task_vars)
        return finished if finished.get("failed") else {}

    def check(self, result: Mapping[str, Any]) -> None:
        """Send only files of the lock: any other name is a path of the controller that the host chose."""
        names = result.get("sent", ())
        if not set(names) <= self._known or len(set(names)) < len(names):
            raise Misfit("expected each of sent to be a different file of the lock, found other names")

    def _part(self, options: Mapping[str, Any], task_vars: Any) -> dict[str, Any]:
        return self.run_module(MODULE, options, task_vars)
