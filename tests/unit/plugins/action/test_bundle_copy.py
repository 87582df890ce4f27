# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of a copy, with the module's own code on a machine that is a directory beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fake_bundle import Bundle, locked_bundle

from ansible_collections.classroom.kubeadm.plugins.action import bundle_copy as action
from ansible_collections.classroom.kubeadm.plugins.module_utils import bundle_copy
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.modules.bundle_copy import DOCUMENTATION

IMAGES = {"registry.k8s.io/pause:3.10.2": (b"pause",), "ghcr.io/flannel-io/flannel:v0.28.4": (b"flannel",)}


class Action(action.ActionModule):
    """Everything but the connection."""

    def __init__(self, options: dict[str, str], place: Path, check: bool) -> None:
        shell = SimpleNamespace(tmpdir=str(place), join_path=os.path.join)
        task = SimpleNamespace(args=options, check_mode=check, diff=True, async_val=0, action="bundle_copy")
        super().__init__(task, SimpleNamespace(_shell=shell), SimpleNamespace(), None, None, None)
        self.parts: list[str] = []
        self.sent: list[str] = []

    def _transfer_file(self, local_path: str, remote_path: str) -> None:
        self.sent.append(local_path)
        shutil.copyfile(local_path, remote_path)

    def _fixup_perms2(self, paths: tuple[str, ...]) -> None:
        assert all(os.path.exists(path) for path in paths)

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        given = [module_args[name] for name in ("dest", "lock", "sizes", "signature")]
        wish = bundle_copy.Wish(*given)
        try:
            if "arrived" in module_args:
                self.parts.append("take")
                bundle_copy.take(wish, module_args["arrived"])
                return {"changed": True}
            if "finish" in module_args:
                self.parts.append("finish")
                bundle_copy.finish(wish)
                return {"changed": True}
            self.parts.append("look")
            there = bundle_copy.is_there(wish)
            return {"changed": not there, "sent": [] if there else bundle_copy.missing(wish)}
        except ClassroomError as problem:
            return {"failed": True, "msg": str(problem)}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return locked_bundle(tmp_path / "bundle", IMAGES)


def copy(bundle: Bundle, tmp_path: Path, *, check: bool = False) -> tuple[dict[str, Any], Action]:
    (tmp_path / "way").mkdir(exist_ok=True)
    one = Action({"src": str(bundle.directory), "dest": str(tmp_path / "srv")}, tmp_path / "way", check)
    return {"failed": False, **one.run(task_vars={})}, one


def test_check_mode_says_what_is_sent_and_sends_nothing(bundle: Bundle, tmp_path: Path) -> None:
    predicted, looked = copy(bundle, tmp_path, check=True)
    assert (looked.parts, looked.sent, (tmp_path / "srv").exists()) == (["look"], [], False)
    done, worked = copy(bundle, tmp_path)
    assert (predicted["changed"], predicted["sent"]) == (done["changed"], done["sent"]) == (True, sorted(done["sent"]))
    assert worked.parts == ["look", "take", "finish"] and len(worked.sent) == len(done["sent"])
    again, idle = copy(bundle, tmp_path)
    assert (again["changed"], idle.parts, idle.sent) == (False, ["look"], [])


def test_each_batch_is_safe_once_it_is_taken(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "BATCH", 1)
    done, worked = copy(bundle, tmp_path)
    assert worked.parts == ["look", *["take"] * len(done["sent"]), "finish"]


def test_a_damaged_file_ends_it(bundle: Bundle, tmp_path: Path) -> None:
    path = next(path for path in bundle.directory.rglob("*") if path.is_file() and path.read_bytes() == b"pause")
    path.write_bytes(b"tampe")
    result, worked = copy(bundle, tmp_path)
    assert result["failed"] and str(path.relative_to(bundle.directory)) in result["msg"]
    assert "finish" not in worked.parts and not (tmp_path / "srv" / "bundle.lock.yml").exists()


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda directory: shutil.rmtree(directory / "oci"), "found no oci/"),
    (shutil.rmtree, "found no bundle.lock.yml there"),
])
@pytest.mark.parametrize("check", [False, True])
def test_a_bundle_that_is_not_whole(bundle: Bundle, tmp_path: Path, spoil: Any, says: str, check: bool) -> None:
    spoil(bundle.directory)
    result, worked = copy(bundle, tmp_path, check=check)
    assert result["failed"] and says in result["msg"] and worked.parts == []


PAUSE = "registry.k8s.io/pause:3.10.2"


def gone_from_the_index(bundle: Bundle) -> None:
    """As if somebody had made the layout anew without it."""
    former = bundle.images
    bundle.images = {name: digest for name, digest in former.items() if name != PAUSE}
    lock = bundle.directory / "bundle.lock.yml"
    text = lock.read_text(encoding="utf-8")
    bundle.lock()
    lock.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("lose", [
    gone_from_the_index,
    lambda bundle: (bundle.directory / action.blob_path(bundle.images[PAUSE])).unlink(),
])
def test_an_image_that_is_missing_is_named(bundle: Bundle, tmp_path: Path, lose: Any) -> None:
    lose(bundle)
    result, worked = copy(bundle, tmp_path)
    assert result["failed"] and PAUSE in result["msg"] and "flannel" not in result["msg"]
    assert worked.parts == []


def test_the_signature_goes_along(bundle: Bundle, tmp_path: Path) -> None:
    signature, served = bundle.directory / "bundle.lock.yml.asc", tmp_path / "srv" / "bundle.lock.yml.asc"
    assert copy(bundle, tmp_path)[0]["changed"] and not served.exists()
    for text in ("one", "another"):
        signature.write_text(text, encoding="utf-8")
        assert [copy(bundle, tmp_path)[0]["changed"] for _again in range(2)] == [True, False]
        assert served.read_text(encoding="utf-8") == text
    signature.unlink()
    assert copy(bundle, tmp_path)[0]["changed"] and not served.exists()


def test_the_documentation_has_the_options_that_are_validated() -> None:
    documented = {name: {fact: option[fact] for fact in ("type", "required")}
                  for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()}
    assert documented == action.SPEC
