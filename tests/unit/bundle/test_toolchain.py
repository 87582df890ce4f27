# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Go and which tools are used, and with what environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bundle.builder import toolchain
from bundle.builder.cache import Paths
from bundle.builder.errors import BundleError
from bundle.builder.toolchain import go_environment, go_version, require_tools


@pytest.fixture(autouse=True)
def _new_settings() -> Iterator[None]:
    toolchain._user_settings.cache_clear()
    yield
    toolchain._user_settings.cache_clear()


@pytest.mark.parametrize(("objects", "modules", "kept"), [
    ("/home/user/.cache/go-build", "/home/user/go/pkg/mod", True), ("off", "", False), ("", "", False),
])
def test_caches_are_those_of_the_user(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, objects: str, modules: str, kept: bool
) -> None:
    monkeypatch.setenv("GOCACHE", objects)
    monkeypatch.setenv("GOMODCACHE", modules)
    environment = go_environment(paths)

    expected = (objects, modules) if kept else (str(paths.go_objects), str(paths.go_modules))
    assert (environment["GOCACHE"], environment["GOMODCACHE"]) == expected


def test_without_go_caches_are_below_the_cache(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert go_environment(paths)["GOCACHE"] == str(paths.go_objects)


@pytest.mark.parametrize(("database", "expected"), [
    ("off", ""), ("sum.example.org+1+key", ""), ("sum.example.org+1+key https://mirror.example", ""), ("", ""),
    ("sum.example.org", "sum.example.org"),
    ("sum.example.org https://mirror.example", "sum.example.org https://mirror.example"),
])
def test_settings_of_the_user_do_not_reach_a_build(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, database: str, expected: str,
) -> None:
    for name, value in {
        "GOSUMDB": database, "GOPROXY": "https://proxy.example,direct", "GONOSUMDB": "*", "GOPRIVATE": "*",
        "GOINSECURE": "*", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOOS": "plan9", "CGO_CFLAGS": "-O0",
    }.items():
        monkeypatch.setenv(name, value)
    environment = go_environment(paths)
    assert environment["GOPROXY"] == "https://proxy.example,direct" and environment["GOSUMDB"] == expected
    assert {environment[name] for name in ("GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOOS", "CGO_CFLAGS")} == {""}
    assert (environment["GOENV"], environment["GOTOOLCHAIN"]) == ("off", "auto")
    assert environment["GOFLAGS"] == "-modcacherw"


@pytest.mark.parametrize(
    ("found", "fits"), [("go1.26.6", True), ("go1.27.0", True), ("go1.26.5", False), ("go1.9", False)]
)
def test_an_old_go_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch, found: str, fits: bool) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", found)
    if fits:
        assert go_version(paths, "1.26.6") == found
    else:
        with pytest.raises(BundleError, match=f"expected Go 1.26.6 or newer; found {found}"):
            go_version(paths, "1.26.6")


def test_a_missing_go_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BundleError, match="no go command in PATH"):
        go_version(paths, "1.26.6")


def test_missing_tools_are_told_together(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BundleError, match=r"mmdebstrap \(Debian: mmdebstrap\), zstd"):
        require_tools()
