# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's plugins for templates with lookups."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder


@pytest.fixture(scope="module")
def plugin_loader() -> Iterator[None]:
    """Let Ansible find plugins by their full names, as its commands do.

    Ansible's importer is removed afterwards: it rejects a collection with two paths, and the one under test is in the
    checkout and in the site-packages of a development environment.
    """
    init_plugin_loader([])
    yield
    _AnsibleCollectionFinder._remove()
