# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules that change a host wait for the module of another run that works there, and name it."""

from __future__ import annotations

import fcntl
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock

MODULES = Path(__file__).resolve().parents[4] / "plugins" / "modules"
# With options that are enough to begin
CHANGING: dict[str, dict[str, Any]] = {
    "bundle_receive": {"dest": "/srv/bundle", "lock": "", "sizes": {}, "finish": True},
    "bundle_load": {"bundle": "/srv/bundle", "state": "verified"},
    "image_preload": {"images": ["busybox"]},
    "package_service": {"files": [{"path": "/etc/file", "content": ""}]},
    "kubeconfig_user": {"name": "student"},
    "host_configure": {"sections": [{"name": "host", "module": "host_settings", "options": {}}]},
    "host_firewalld": {},
    "host_interfaces": {"unmanaged": ["cni0"]},
    "host_settings": {},
    "server_certificate": {"directory": "/etc/tls", "names": ["localhost"]},
}
# Take the lock themselves, where they begin to act: tests of their module_utils
BY_THEMSELVES = {"kubeadm_init", "kubeadm_join", "kubeadm_reset"}
OTHERS = {
    "changes objects of a cluster only": {"cluster_dns", "cluster_manifest", "cluster_verify", "kubeadm_token",
                                          "node_metadata", "node_delete"},
    "runs a module of another collection": {"guarded"},
    "reads": {"harvest_files", "harvest_objects", "residue_info", "host_identity_info", "host_preflight"},
    "runs on the controller": {
        "address_check", "bundle_archive", "bundle_copy", "bundle_seal", "class_directory", "class_report",
        "fetch_file", "image_mirror", "inventory_check", "package_download", "package_extract", "role_variables_check",
        "ssh_first_contact"},
}


def test_each_module_is_known() -> None:
    named = {*CHANGING, *BY_THEMSELVES, *(name for names in OTHERS.values() for name in names)}
    assert named == {path.stem for path in MODULES.glob("*.py")}


@pytest.mark.parametrize("name", CHANGING)
def test_a_module_waits_for_another_run_and_names_it(
    name: str, run_main: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_lock, "WAIT", 0.1)
    path = Path(host_lock.ROOT + host_lock.LOCK)
    path.parent.mkdir()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    # A lock belongs to the open file, so that this one is in the way of the module's in the same process
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, b"kubeadm_join (process 4711, since 2026-11-30 10:00:00 UTC)\n")
    module = importlib.import_module(f"ansible_collections.classroom.kubeadm.plugins.modules.{name}")
    try:
        # Containerd is not on the machine of the test; a backend that would load is enough
        if name == "image_preload":
            monkeypatch.setattr(module, "backend_for", lambda *_given, **_more: type("Backend", (), {"unable": ""}))
        result = run_main(module.main, CHANGING[name])
    finally:
        os.close(descriptor)
    assert result["failed"]
    assert "found it held by kubeadm_join (process 4711, since 2026-11-30 10:00:00 UTC)" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")
