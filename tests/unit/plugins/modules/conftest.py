# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process, as Ansible would run it on a machine."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def run_module() -> Callable[..., dict[str, Any]]:
    """Call it with a module's `main`, its options and `check=True` for check mode; it returns the module's result."""

    def run(main: Callable[[], None], options: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        printed = io.StringIO()
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = json.loads(printed.getvalue())
        return {"failed": False, **result}

    return run
