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

from ansible_collections.classroom.kubeadm.plugins.action import bundle_copy as action
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import transfer as bundle_transfer
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.lock import NAME, SIGNATURE
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.modules.bundle_copy import DOCUMENTATION
from tests.support.signed_bundles import sign
from tests.unit.support.fake_bundle import Bundle, locked_bundle

IMAGES = {"registry.k8s.io/pause:3.10.2": (b"pause",), "ghcr.io/flannel-io/flannel:v0.28.4": (b"flannel",)}


class Action(action.ActionModule):
    """Everything but the connection."""

    def __init__(self, options: dict[str, Any], place: Path, check: bool) -> None:
        shell = SimpleNamespace(tmpdir=str(place), join_path=os.path.join)
        task = SimpleNamespace(args=options, check_mode=check, diff=True, async_val=0, action="bundle_copy")
        super().__init__(task, SimpleNamespace(_shell=shell), SimpleNamespace(), None, None, None)
        self.stamp = str(place / "stamp.json")
        self.parts: list[str] = []
        self.sent: list[str] = []

    def _transfer_file(self, local_path: str, remote_path: str) -> None:
        self.sent.append(local_path)
        shutil.copyfile(local_path, remote_path)

    def _fixup_perms2(self, paths: tuple[str, ...]) -> None:
        assert all(os.path.exists(path) for path in paths)

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        given = [module_args[name] for name in ("dest", "lock", "sizes", "signature")]
        spec = bundle_transfer.TransferSpec(*given)
        try:
            if "arrived" in module_args:
                self.parts.append("take")
                bundle_transfer.receive(spec, module_args["arrived"])
                return {"changed": True}
            if "finish" in module_args:
                self.parts.append("finish")
                bundle_transfer.finish(spec, self.stamp)
                return {"changed": True}
            self.parts.append("look")
            there = bundle_transfer.is_there(spec, self.stamp)
            return {"changed": not there, "sent": [] if there else bundle_transfer.missing(spec)}
        except ClassroomError as problem:
            return {"failed": True, "msg": str(problem)}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two keys that sign bundles."""
    directory = tmp_path_factory.mktemp("keys")
    return [directory / "one.asc", directory / "another.asc"]


@pytest.fixture
def bundle(tmp_path: Path, secrets: list[Path]) -> Bundle:
    """A bundle whose signer is recorded, as bundle.yml leaves it."""
    made = locked_bundle(tmp_path / "bundle", IMAGES)
    bundle_signature.record(str(made.directory), sign(made.directory, secrets[0]))
    return made


def copy(
    bundle: Bundle, tmp_path: Path, *, check: bool = False, signed_by: tuple[str, ...] = ()
) -> tuple[dict[str, Any], Action]:
    (tmp_path / "way").mkdir(exist_ok=True)
    options = {"src": str(bundle.directory), "dest": str(tmp_path / "srv"), "signed_by": list(signed_by)}
    one = Action(options, tmp_path / "way", check)
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


def test_the_signature_goes_along(bundle: Bundle, tmp_path: Path, secrets: list[Path]) -> None:
    signature, served = bundle.directory / SIGNATURE, tmp_path / "srv" / SIGNATURE
    for secret in (secrets[0], secrets[1]):
        signer = sign(bundle.directory, secret)
        changes = [copy(bundle, tmp_path, signed_by=(signer,))[0]["changed"] for _again in range(2)]
        assert changes == [True, False]
        assert served.read_text(encoding="utf-8") == signature.read_text(encoding="utf-8")


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("case", "says"), [
    ("another signer than recorded", "found one signed by"),
    ("another signer than named", "found one signed by"),
    ("unknown signer", "set cluster_bundle_signed_by: ["),
    ("changed lock", "is not a signature of it"),
    ("no signature", "found no"),
    ("half a fingerprint", "whole fingerprints"),
    ("odd record", "whole fingerprints"),
])
def test_only_a_bundle_of_a_known_signer_is_sent(
    bundle: Bundle, tmp_path: Path, secrets: list[Path], case: str, says: str, check: bool
) -> None:
    record = tmp_path / "bundle.signed-by"
    signed_by: tuple[str, ...] = ()
    if case == "another signer than recorded":
        sign(bundle.directory, secrets[1])
    elif case == "another signer than named":
        signed_by = ("0" * 40,)
    elif case == "unknown signer":
        record.unlink()
    elif case == "changed lock":
        with (bundle.directory / NAME).open("a", encoding="utf-8") as stream:
            stream.write("# changed\n")
    elif case == "no signature":
        (bundle.directory / SIGNATURE).unlink()
    elif case == "half a fingerprint":
        signed_by = ("0" * 16,)
    else:
        record.write_text("no fingerprint\n", encoding="utf-8")
    result, worked = copy(bundle, tmp_path, check=check, signed_by=signed_by)
    assert result["failed"] and says in result["msg"] and worked.parts == []
    assert not (tmp_path / "srv").exists()


def test_a_signer_is_recorded_once(bundle: Bundle, tmp_path: Path) -> None:
    before = (tmp_path / "bundle.signed-by").read_text(encoding="utf-8")
    bundle_signature.record(str(bundle.directory), "F" * 40)
    assert (tmp_path / "bundle.signed-by").read_text(encoding="utf-8") == before


def test_a_damaged_file_that_is_served_is_sent_again(bundle: Bundle, tmp_path: Path) -> None:
    """As a power failure leaves it: with its size, without its content, and without a record of its verification."""
    copy(bundle, tmp_path)
    name = action.blob_path(bundle.images[PAUSE])
    served = tmp_path / "srv" / name
    good = served.read_bytes()
    served.write_bytes(bytes(len(good)))
    predicted, _looked = copy(bundle, tmp_path, check=True)
    done, _worked = copy(bundle, tmp_path)
    assert (predicted["changed"], predicted["sent"]) == (done["changed"], done["sent"]) == (True, [name])
    assert served.read_bytes() == good
    assert not copy(bundle, tmp_path)[0]["changed"]


def test_the_documentation_has_the_options_that_are_validated() -> None:
    facts = ("type", "required", "elements", "default")
    documented = {name: {fact: option[fact] for fact in facts if fact in option}
                  for name, option in yaml.safe_load(DOCUMENTATION)["options"].items()}
    assert documented == action.SPEC
