# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the logic of a module is, for tests that replace its access to the host."""

from __future__ import annotations

import importlib.util
from types import ModuleType


def logic_of(module: ModuleType) -> ModuleType:
    """Return the file with the operation of a module, or the module itself if it has no other file."""
    name = module.__name__.replace(".modules.", ".module_utils._operations.")
    return importlib.import_module(name) if importlib.util.find_spec(name) else module
