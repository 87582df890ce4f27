# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test that the check of layers finds each violation, in small trees that have one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import layers
from tools.layers import COLLECTION, LAYERS, Layer, violations

# A tree in which every rule is kept, and every way of writing an import is used
GOOD: Mapping[str, str] = {
    "module_utils/_low/__init__.py": '"""Files without imports of others."""\n',
    "module_utils/_low/errors.py": "import os\n\nclass Problem(Exception):\n    pass\n",
    "module_utils/_low/files.py": "from .errors import Problem\nfrom . import errors\n",
    "module_utils/_high/work.py": f"import {COLLECTION}.module_utils._low.files\nfrom .._low import errors\n",
    "module_utils/_high/later.py": "def late():\n    from . import work\n    return work\n",
    "plugin_utils/_report/page.py": f"from {COLLECTION}.module_utils._high.work import errors\n",
    "modules/join.py": "from ..module_utils._high.work import errors\n",
    "filter/join.py": f"from {COLLECTION}.plugin_utils._report import page\nfrom ansible.plugins.filter import core\n",
}
PAGE = "plugin_utils/_report/page.py"
HIGH = "module_utils/_high/work.py"


@pytest.fixture(autouse=True)
def two_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small table of layers in place of the project's."""
    monkeypatch.setattr(layers, "LAYERS", {"_low": Layer("errors and files"), "_high": Layer("the work", ("_low",))})


def tree(place: Path, **files: str) -> list[str]:
    """Return the violations in the good tree with these files in it, too."""
    for name, text in {**GOOD, **files}.items():
        path = place / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return violations(place / "plugins")


def test_good_tree_has_no_violation(tmp_path: Path) -> None:
    assert tree(tmp_path) == []


LOW = "_low (errors and files) must not import _high; it may import no other package"


@pytest.mark.parametrize(("name", "text", "line", "message"), [
    ("module_utils/_low/up.py", "from .._high import work\n", 1, LOW),
    ("module_utils/_low/up.py", "\ndef late():\n    from .._high.work import errors\n", 3, LOW),
    ("module_utils/_low/up.py", f"import {COLLECTION}.module_utils._high.work\n", 1, LOW),
    ("module_utils/_low/up.py", "import typing\nif typing.TYPE_CHECKING:\n    from .. import _high\n", 3, LOW),
    ("module_utils/flat.py", "", 1, "move the file into a private package, such as module_utils/_core"),
    ("plugin_utils/flat.py", "", 1, "move the file into a private package, such as plugin_utils/_core"),
    ("module_utils/_high/__init__.py", "def late():\n    from .work import errors\n", 2,
     "remove the import, __init__.py has none"),
    (HIGH, f"from {COLLECTION}.plugin_utils._report import page\n", 1, "module_utils must not import plugin_utils"),
    (HIGH, "from ...filter.join import core\n", 1, "module_utils must not import filter"),
    ("modules/join.py", "from ..plugin_utils._report import page\n", 1, "modules must not import plugin_utils"),
    (PAGE, f"def late():\n    import {COLLECTION}.filter.join\n", 2, "plugin_utils must not import filter"),
    (PAGE, "from ...action import seats\n", 1, "plugin_utils must not import action"),
    ("callback/seats.py", "from ..filter import join\n", 1, "callback must not import filter"),
    ("plugin_utils/_report/rows.py", "from . import rows_of\nfrom .._text.rows import rows_of\n", 2,
     "import cycle: plugin_utils._report.rows -> plugin_utils._text.rows -> plugin_utils._report.rows"),
])
def test_violation_is_reported_with_its_place(name: str, text: str, line: int, message: str, tmp_path: Path) -> None:
    files = {"plugin_utils/_text/rows.py": "def late():\n    from .._report.rows import rows_of\n", name: text}
    assert tree(tmp_path, **files) == [f"plugins/{name}:{line}: {message}"]


def test_unknown_package_is_reported(tmp_path: Path) -> None:
    assert tree(tmp_path, **{"module_utils/_new/file.py": ""}) == [
        "plugins/module_utils/_new: add the package to LAYERS in tools/layers.py, with what it may import"]


def test_cycle_inside_a_package_is_reported(tmp_path: Path) -> None:
    assert tree(tmp_path, **{HIGH: "def late():\n    from .later import late\n    return late\n"}) == [
        "plugins/module_utils/_high/later.py:2: import cycle: "
        "module_utils._high.later -> module_utils._high.work -> module_utils._high.later"]


def test_cycle_of_three_is_reported_once(tmp_path: Path) -> None:
    assert tree(tmp_path, **{
        "module_utils/_high/a.py": "from . import b\n",
        "module_utils/_high/b.py": "from .c import work\n",
        "module_utils/_high/c.py": "from . import a, work\n",
    }) == ["plugins/module_utils/_high/a.py:1: import cycle: "
           "module_utils._high.a -> module_utils._high.b -> module_utils._high.c -> module_utils._high.a"]


def test_layer_without_files_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layers.LAYERS, "_gone", Layer("nothing"))
    assert tree(tmp_path) == [
        "plugins/module_utils/_gone: remove the package from LAYERS in tools/layers.py, it does not exist"]


def test_directory_without_imports_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert layers.main([str(tmp_path)]) == 1
    assert "is this the directory plugins?" in capsys.readouterr().out


def test_layers_import_only_what_is_above_them() -> None:
    names = list(LAYERS)
    for position, (name, layer) in enumerate(LAYERS.items()):
        assert set(layer.imports) <= set(names[:position]), name
