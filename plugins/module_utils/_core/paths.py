# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of this collection on a host."""

from __future__ import annotations

STATE = "/var/lib/classroom-kubeadm"
# On a tmpfs, so leftovers of a killed run are gone after the next boot at the latest
PRIVATE = "/run/classroom-kubeadm"
