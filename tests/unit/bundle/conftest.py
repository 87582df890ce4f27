# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives tests the declarations, and a bundle small enough to be real."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from bundle.builder import config, oci
from tools.paths import ROOT


@pytest.fixture(scope="session")
def declared() -> config.Recipe:
    """What this checkout declares."""
    return config.load(ROOT / "bundle")


@pytest.fixture
def small_bundle(tmp_path: Path) -> Path:
    """A finished bundle with one package file and one image."""
    bundle = tmp_path / "bundle"
    (bundle / "apt" / "pool").mkdir(parents=True)
    (bundle / "apt" / "pool" / "tool_1.0-1.1_amd64.deb").write_bytes(b"a package")
    layout = oci.Layout(bundle / "oci")
    layer = layout.add_layer(lambda tar: oci.add_file(tar, "/usr/bin/tool", b"a program"))
    digest = layout.add_image("registry.example/tool:1.0", [layer], {}, "amd64")
    layout.finish()
    content = bundle_contents.Contents(
        key="0123" * 16,
        architecture="amd64",
        go="go1.26.8",
        versions={"tool": "v1.0.0"},
        packages=(bundle_contents.LockedPackage("tool", "1.0-1.1", "apt/pool/tool_1.0-1.1_amd64.deb"),),
        images={"registry.example/tool:1.0": digest},
        debian={"suite": "trixie", "packages": {"bash": "5.2"}},
        files=bundle_lock.checksums(str(bundle), bundle_lock.file_names(str(bundle))),
    )
    (bundle / bundle_lock.NAME).write_text(content.text(), encoding="utf-8")
    return bundle
