# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the Go command and the other tools of a build before it starts."""

from __future__ import annotations

import functools
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from bundle.builder.cache import Paths
from bundle.builder.commands import output
from bundle.builder.errors import BundleError

# Tool and its Debian package.
TOOLS = {
    "gcc": "gcc and libc6-dev",
    "mmdebstrap": "mmdebstrap",
    "zstd": "zstd",
    **bundle_repository.APT_TOOLS,
    **bundle_repository.RPM_TOOLS,
    **gpg.TOOLS,
}


def require_tools() -> None:
    """Raise an error that names every missing tool with its package."""
    missing = [f"{tool} (Debian: {package})" for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise BundleError("the tools that a bundle is built with", "none of " + ", ".join(missing), "install them")


# Also empty ones: with GOENV=off an empty variable has Go's own default
_DEFAULTS = (
    "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS", "GO111MODULE", "GOAMD64", "GOARCH",
    "GOARM64", "GODEBUG", "GOEXPERIMENT", "GOFIPS140", "GOINSECURE", "GONOPROXY", "GONOSUMDB", "GOOS", "GOPRIVATE",
    "GOVCS",
)


def go_environment(paths: Paths) -> dict[str, str]:
    """Return the variables of every go command of a build: its settings are Go's defaults.

    Settings of the user for other work, in the environment or by `go env -w`, do not affect the build: a disabled
    checksum database, modules without verification, another toolchain or target. Two settings are kept, because a
    machine may have no access without them: GOPROXY, and a GOSUMDB that names the database of Go itself. The caches are
    those of the user, so that another checkout does not compile the same again; Go removes objects that were not used
    for days. Without them, for example without a home directory, the caches are in `paths`.
    """
    settings = _user_settings()
    return {
        **dict.fromkeys(_DEFAULTS, ""),
        "GOENV": "off",
        "GOMODCACHE": settings.get("GOMODCACHE") or str(paths.go_modules),
        "GOCACHE": settings.get("GOCACHE") or str(paths.go_objects),
        "GOFLAGS": "-modcacherw",
        "GOPROXY": settings.get("GOPROXY", ""),
        "GOSUMDB": settings.get("GOSUMDB", ""),
        # The compiler of go.mod; a downloaded one is verified with the checksum database
        "GOTOOLCHAIN": "auto",
        "GOWORK": "off",
    }


@functools.cache
def _user_settings() -> dict[str, str]:
    """Return the settings that are kept; empty or missing values stand for defaults."""
    if shutil.which("go") is None:
        return {}
    try:
        printed = output(["go", "env", "-json", "GOPROXY", "GOSUMDB", "GOCACHE", "GOMODCACHE"])
    except BundleError:
        # Without a home directory Go has no caches
        return {}
    return kept_settings(json.loads(printed or "{}"))


def kept_settings(found: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a user that a build keeps: usable caches, the proxy, and Go's own checksum database."""
    caches = {name: found[name] for name in ("GOCACHE", "GOMODCACHE") if Path(found.get(name, "")).is_absolute()}
    database = found.get("GOSUMDB", "")
    name = database.partition(" ")[0]
    # Go knows the key of its own database; that of another one follows its name after a plus sign
    return {
        **caches,
        "GOPROXY": found.get("GOPROXY", ""),
        "GOSUMDB": "" if name == "off" or "+" in name else database,
    }


def go_version(paths: Paths, minimum: str) -> str:
    """Return the version of Go that compiles, as `go1.26.8`; the go command may download it."""
    if shutil.which("go") is None:
        raise BundleError(f"Go {minimum} or newer", "no go command in PATH", "install Go")
    found = output(["go", "env", "GOVERSION"], cwd=paths.source / "go" / "kubernetes", env=go_environment(paths))
    version = found.strip()
    if _numbers(version) < _numbers(minimum):
        raise BundleError(
            f"Go {minimum} or newer", version, "install it"
        )
    return version


def architecture(environment: Mapping[str, str]) -> str:
    """Return the architecture of this machine, `amd64` or `arm64`, the same in Go and Debian."""
    return output(["go", "env", "GOARCH"], env=environment).strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
