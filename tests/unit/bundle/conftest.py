# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives tests the declarations, a bundle small enough to be real, and a cache with a stand-in for Go."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from bundle.builder import config, oci
from bundle.builder.cache import Paths
from tools.paths import ROOT

# Stands in for the Go command: writes what it is asked to build, counts its calls, and fails while a file says so.
GO = """\
#!/bin/sh
case "$1" in
    env)
        if [ "$2" = -json ]; then
            echo "{{\\"GOPROXY\\": \\"$GOPROXY\\", \\"GOSUMDB\\": \\"$GOSUMDB\\",
                \\"GOCACHE\\": \\"$GOCACHE\\", \\"GOMODCACHE\\": \\"$GOMODCACHE\\"}}"
        else
            echo "$FAKE_GO_VERSION"
        fi
        exit ;;
    list)
        echo {root}/module
        case "$*" in *-deps*) ;; *) exit ;; esac
        echo "$*" >> {root}/downloads
        [ "$(wc -l < {root}/downloads)" -gt "${{FAKE_GO_REFUSALS:-0}}" ]
        exit ;;
esac
echo "$GOFLAGS $CGO_ENABLED $*" >> {root}/calls
echo go.etcd.io/etcd/pkg/types >&2
if [ -e {root}/broken ]; then
    echo "undefined: types" >&2
    exit 1
fi
while [ "$1" != -o ]; do shift; done
echo compiled > "$2/server"
echo compiled > "$2/etcdctl"
"""


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


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A cache and sources with two modules, and the stand-in in PATH."""
    source = tmp_path / "source"
    for name in ("etcd", "kubernetes"):
        (source / "go" / name).mkdir(parents=True)
        (source / "go" / name / "go.mod").write_text("module x\n", encoding="utf-8")
        (source / "go" / name / "go.sum").touch()
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "LICENSE.md").write_text("a license", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(root=tmp_path), encoding="utf-8")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.26.8")
    return Paths(tmp_path / "cache", source)
