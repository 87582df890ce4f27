# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the layout of `plugins` and the direction of its imports: `make lint` runs this.

Prints a message for each violation, with file and line, and exits with 1 if there is one. Imports inside functions and
those for type checkers count like the others.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.paths import ROOT

COLLECTION = "ansible_collections.classroom.kubeadm.plugins"


@dataclass(frozen=True)
class Layer:
    """A package of module_utils: what it is about, and the packages that it may import."""

    subject: str
    imports: tuple[str, ...] = ()


# From the lowest to the highest: a package imports only packages above it in this table
LAYERS: Mapping[str, Layer] = {
    "_core": Layer("errors, commands, files, planned changes and locks, for all others"),
    "_formats": Layer("file formats, which know no host", ("_core",)),
    "_packages": Layer("apt and dnf", ("_core", "_formats")),
    "_runtime": Layer("containerd and CRI-O", ("_core",)),
    "_host": Layer("the Linux host, without Kubernetes", ("_core", "_formats", "_packages", "_runtime")),
    # Functions that use the API must not depend on the host that runs them
    "_kube": Layer("the Kubernetes API and its clients", ("_core", "_formats")),
    "_residue": Layer("what a cluster left on a host", ("_core", "_formats", "_runtime", "_host", "_kube")),
    "_restore": Layer(
        "restoring the state before this collection",
        ("_core", "_packages", "_runtime", "_host", "_kube", "_residue")),
    "_kubeadm": Layer(
        "kubeadm on a host, from init to reset",
        ("_core", "_formats", "_runtime", "_host", "_kube", "_residue", "_restore")),
    "_audit": Layer("the state of a host, only read", ("_core", "_formats", "_host", "_kube", "_residue")),
    "_verify": Layer("the end-to-end check of a cluster", ("_core", "_kube")),
    "_harvest": Layer("students' files and objects", ("_core", "_formats", "_host", "_kube")),
    "_images": Layer("container images and registries", ("_core",)),
    "_bundle": Layer("bundles for air-gapped installations", ("_core", "_packages", "_images")),
    "_operations": Layer(
        "what a module does, from its options to its result; host_configure combines several of them",
        ("_core", "_packages", "_runtime", "_host", "_kube", "_kubeadm", "_images", "_bundle")),
}

# The directories of plugins that a file may import. module_utils and modules run on hosts, which have no others.
# Libraries do not import plugins; plugins share code through libraries, not with each other
KINDS: Mapping[str, tuple[str, ...]] = {"module_utils": ("module_utils",), "modules": ("module_utils",)}
OTHER_KINDS = ("module_utils", "plugin_utils")
# Directories with files in private packages only
PACKAGED = ("module_utils", "plugin_utils")


@dataclass(frozen=True)
class Import:
    """An import of one file of the collection by another; both are dotted names below plugins."""

    importer: str
    imported: str
    place: str


def dotted(path: Path, plugins: Path) -> str:
    """Return the name of a file below plugins; that of an `__init__.py` is the package's."""
    parts = path.relative_to(plugins).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, plugins: Path, names: Iterable[str]) -> Iterator[Import]:
    """Yield the imports of other files of the collection; `names` are those that exist."""
    own = dotted(path, plugins)
    package = ".".join([COLLECTION, *path.relative_to(plugins).parts[:-1]]).split(".")
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            # The name may be a file, or an object in the file
            targets = [f"{module}.{alias.name}" for alias in node.names]
            targets = [target if target.removeprefix(COLLECTION + ".") in names else module for target in targets]
        else:
            continue
        for target in dict.fromkeys(targets):
            if target.startswith(COLLECTION + "."):
                place = f"plugins/{path.relative_to(plugins)}:{node.lineno}"
                yield Import(own, target.removeprefix(COLLECTION + "."), place)


def files_in_wrong_places(plugins: Path) -> Iterator[str]:
    for kind in PACKAGED:
        for path in sorted((plugins / kind).glob("*.py")):
            if path.name != "__init__.py":
                yield f"plugins/{kind}/{path.name}:1: move the file into a private package, such as {kind}/_core"
    known = {path.name for path in (plugins / "module_utils").iterdir() if path.is_dir() and path.name != "__pycache__"}
    for name in sorted(known - LAYERS.keys()):
        yield f"plugins/module_utils/{name}: add the package to LAYERS in tools/layers.py, with what it may import"
    for name in sorted(LAYERS.keys() - known):
        yield f"plugins/module_utils/{name}: remove the package from LAYERS in tools/layers.py, it does not exist"
    for path in sorted(plugins.rglob("__init__.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield f"plugins/{path.relative_to(plugins)}:{node.lineno}: remove the import, __init__.py has none"


def wrong_direction(one: Import) -> str | None:
    """Return why a file must not import another one, or None when it may."""
    kind, other = one.importer.split(".")[0], one.imported.split(".")[0]
    if other not in KINDS.get(kind, OTHER_KINDS):
        return f"{one.place}: {kind} must not import {other}"
    if kind == other == "module_utils":
        package, target = (".".join(name.split(".")[1:2]) for name in (one.importer, one.imported))
        layer = LAYERS.get(package)
        if layer and target not in ("", package, *layer.imports):
            allowed = ", ".join(layer.imports) or "no other package"
            return f"{one.place}: {package} ({layer.subject}) must not import {target}; it may import {allowed}"
    return None


def cycles(imports: Iterable[Import]) -> Iterator[str]:
    """Yield a message for each group of files that import each other, with one such chain of imports."""
    graph: dict[str, dict[str, str]] = {}
    for one in imports:
        if one.importer != one.imported:
            graph.setdefault(one.importer, {}).setdefault(one.imported, one.place)
    reported: set[str] = set()
    for start in sorted(graph):
        way = way_back(graph, start)
        if way and not reported & set(way):
            reported |= set(way)
            yield f"{graph[way[0]][way[1]]}: import cycle: {' -> '.join(way)}"


def way_back(graph: Mapping[str, Mapping[str, str]], start: str) -> list[str]:
    """Return a shortest chain of imports from a file back to itself; empty if there is none."""
    ways, seen = [[start]], {start}
    while ways:
        following = []
        for way in ways:
            for name in sorted(graph.get(way[-1], {})):
                if name == start:
                    return [*way, start]
                if name not in seen:
                    seen.add(name)
                    following.append([*way, name])
        ways = following
    return []


def violations(plugins: Path) -> list[str]:
    """Return a message for each violation of the rules."""
    paths = sorted(plugins.rglob("*.py"))
    files = {dotted(path, plugins) for path in paths}
    # A package exists without __init__.py, too
    names = files | {name.rpartition(".")[0] for name in files}
    imports = [one for path in paths for one in imports_of(path, plugins, names)]
    if not imports:
        return [f"{plugins}: no file imports another one; is this the directory plugins?"]
    wrong = {one: message for one in imports if (message := wrong_direction(one))}
    return [*files_in_wrong_places(plugins), *wrong.values(), *cycles(one for one in imports if one not in wrong)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check the layout of plugins and the direction of imports.")
    parser.add_argument("plugins", nargs="?", type=Path, default=ROOT / "plugins")
    found = violations(parser.parse_args(arguments).plugins)
    for message in found:
        print(message)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
