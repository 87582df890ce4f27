# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import everything in the payload of a module, with nothing but the payload and the standard library.

Argument: the zip archive. Imports each file of the collection, and then runs each import statement in these files,
those inside functions too, for which a test would have to call the function. Prints a JSON object: the counts of
`files` and `imports`, and in `problems` a message for each import that fails.

Run with `python -I -S`, which has no installed packages. Works with Python 3.9, like the payload.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
import zipfile
from collections.abc import Iterator

COLLECTION = "ansible_collections/classroom/kubeadm/"


def statements(tree: ast.AST, optional: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield each import statement, and whether the code around it handles that there is no such module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, optional
        elif isinstance(node, ast.Try):
            handled = optional or any(
                isinstance(name, ast.Name) and name.id in ("ImportError", "ModuleNotFoundError")
                for handler in node.handlers if handler.type for name in ast.walk(handler.type))
            yield from statements(ast.Module(node.body, []), handled)
            for handler in node.handlers:
                yield from statements(handler, optional)
            yield from statements(ast.Module([*node.orelse, *node.finalbody], []), optional)
        else:
            yield from statements(node, optional)


def names(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    """Yield the absolute module and the name in it, empty for the module itself, of everything that is imported."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
        return
    module = node.module or ""
    if node.level:
        parents = package.split(".")
        base = parents[:len(parents) - node.level + 1]
        module = ".".join([*base, *filter(None, [module])])
    yield from ((module, "" if alias.name == "*" else alias.name) for alias in node.names)


def load(module: str, name: str, archive: str) -> None:
    """Import the name as Python would; raises ImportError. What is Ansible's has to come from the archive."""
    loaded = importlib.import_module(module)
    if name and not hasattr(loaded, name):
        if not hasattr(loaded, "__path__"):
            raise ImportError(f"{module} has no {name}")
        loaded = importlib.import_module(f"{module}.{name}")
    if module.split(".")[0] in ("ansible", "ansible_collections"):
        places = [loaded.__file__] if getattr(loaded, "__file__", None) else list(loaded.__path__)
        if not all(str(place).startswith(archive) for place in places):
            raise ImportError(f"{module} comes from {places} and not from the payload")


def check(archive: str) -> dict[str, object]:
    sys.path.insert(0, archive)
    files, imports, problems = 0, 0, []
    with zipfile.ZipFile(archive) as payload:
        contents = {name: payload.read(name) for name in payload.namelist()
                    if name.startswith(COLLECTION) and name.endswith(".py")}
    for path, text in contents.items():
        files += 1
        package = path.rpartition("/")[0].replace("/", ".")
        own = package if path.endswith("/__init__.py") else path[:-len(".py")].replace("/", ".")
        wanted = [(0, own, "", False)]
        wanted += [(node.lineno, module, name, optional) for node, optional in statements(ast.parse(text))
                   for module, name in names(node, package)]
        imports += len(wanted) - 1
        for line, module, name, optional in wanted:
            try:
                load(module, name, archive)
            except ImportError as error:
                missing = (getattr(error, "name", None) or "ansible").split(".")[0]
                if not (optional and missing not in ("ansible", "ansible_collections")):
                    what = f"import of {module} {name}".rstrip()
                    problems.append(f"{path}:{line}: {what}: {type(error).__name__}: {error}")
            except Exception as error:  # Any error of a file that is imported
                problems.append(f"{path}:{line}: import of {module}: {type(error).__name__}: {error}")
    return {"files": files, "imports": imports, "problems": problems}


if __name__ == "__main__":
    print(json.dumps(check(sys.argv[1])))
