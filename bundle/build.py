#!/usr/bin/env python3
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds and checks the bundle: `python bundle/build.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

# A script's own directory is on the path, the checkout above it is not, nor is the collection that the checkout is.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / ".collections"))

from bundle.builder.cli import main

if __name__ == "__main__":
    sys.exit(main())
