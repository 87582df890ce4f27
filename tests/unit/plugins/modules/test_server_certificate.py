# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module server_certificate: nothing, something or all to do; real run or check mode; and no key is ever said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.server_certificate import main


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {"directory": str(tmp_path / "tls"), "names": ["192.0.2.10", "utility.example.com"]}


def test_check_mode_predicts_the_first_run_and_the_second_has_nothing_to_do(
    run_main: Any, options: dict[str, Any]
) -> None:
    directory = Path(options["directory"])
    predicted = run_main(main, options, check=True)
    assert not directory.exists()
    first = run_main(main, options)
    again = [run_main(main, options, check=check) for check in (True, False)]

    assert {key: predicted[key] for key in ("changed", "changes", "diff")} == {
        key: first[key] for key in ("changed", "changes", "diff")}
    assert (predicted["authority"], predicted["fingerprint"]) == ("", "")
    assert first["authority"] == (directory / "ca.crt").read_text(encoding="ascii")
    assert first["fingerprint"].startswith("sha256:")
    assert [(result["changed"], result["fingerprint"]) for result in again] == [(False, first["fingerprint"])] * 2


@pytest.mark.parametrize("check", [False, True])
def test_no_key_is_said(run_main: Any, options: dict[str, Any], check: bool) -> None:
    run_main(main, options)
    said = str(run_main(main, {**options, "names": ["other.example.com"]}, check=check))
    for name in ("ca.key", "server.key"):
        body = (Path(options["directory"]) / name).read_text(encoding="ascii").splitlines()[1]
        assert body not in said
    assert "PRIVATE" not in said


@pytest.mark.parametrize("check", [False, True])
def test_a_name_that_is_none(run_main: Any, options: dict[str, Any], check: bool) -> None:
    result = run_main(main, {**options, "names": ["a b"]}, check=check)
    assert result["failed"] and "found 'a b'. Correct it." in result["msg"]
    assert not Path(options["directory"]).exists()


def test_a_host_without_openssl(run_main: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    result = run_main(main, options)
    assert result["failed"] and "openssl" in result["msg"] and "127" in result["msg"]
