# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from bundle.builder.commands import output
from bundle.builder.errors import BundleError


def test_a_quick_command_that_fails_is_told() -> None:
    with pytest.raises(BundleError, match="no/such/file"):
        output(["cat", "/no/such/file"])
