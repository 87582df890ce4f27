# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.classroom.kubeadm.plugins.filter.registry_files import containerd_hosts, registries_conf

MIRROR, PLAIN = "https://192.0.2.10:5000", "http://192.0.2.11:5000/cache"
HEAD = "# Managed by the collection classroom.kubeadm; the next run replaces changes made here.\n"


@pytest.mark.parametrize(("registry", "urls", "authorities", "upstream", "expected"), [
    ("quay.io", [MIRROR], {}, True,
     'server = "https://quay.io"\n\n[host."https://192.0.2.10:5000"]\ncapabilities = ["pull", "resolve"]\n'),
    # Where Docker Hub answers is not what it is called
    ("docker.io", [MIRROR], {MIRROR: "/etc/ca.crt"}, True,
     'server = "https://registry-1.docker.io"\n\n[host."https://192.0.2.10:5000"]\n'
     'capabilities = ["pull", "resolve"]\nca = "/etc/ca.crt"\n'),
    ("quay.io", [MIRROR], {MIRROR: "/etc/ca.crt"}, False,
     'server = "https://192.0.2.10:5000"\ncapabilities = ["pull", "resolve"]\nca = "/etc/ca.crt"\n'),
    ("quay.io", [PLAIN, MIRROR], {MIRROR: "/etc/ca.crt"}, False,
     'server = "https://192.0.2.10:5000"\ncapabilities = ["pull", "resolve"]\nca = "/etc/ca.crt"\n\n'
     '[host."http://192.0.2.11:5000/cache"]\ncapabilities = ["pull", "resolve"]\n'),
])
def test_containerd(
    registry: str, urls: list[str], authorities: dict[str, str], upstream: bool, expected: str
) -> None:
    assert containerd_hosts({registry: urls}, authorities, upstream) == {registry: HEAD + expected}


@pytest.mark.parametrize(("mirrors", "upstream", "expected"), [
    ({}, True, ""),
    ({"quay.io": [MIRROR]}, True,
     '\n[[registry]]\nprefix = "quay.io"\nlocation = "quay.io"\n\n[[registry.mirror]]\nlocation = "192.0.2.10:5000"\n'),
    ({"quay.io": [MIRROR]}, False, '\n[[registry]]\nprefix = "quay.io"\nlocation = "192.0.2.10:5000"\n'),
    ({"quay.io": [PLAIN, MIRROR]}, False,
     '\n[[registry]]\nprefix = "quay.io"\nlocation = "192.0.2.10:5000"\n\n'
     '[[registry.mirror]]\nlocation = "192.0.2.11:5000/cache"\ninsecure = true\n'),
])
def test_podman(mirrors: dict[str, list[str]], upstream: bool, expected: str) -> None:
    start = 'unqualified-search-registries = ["docker.io", "quay.io"]\nshort-name-mode = "permissive"\n'
    assert registries_conf(mirrors, ["docker.io", "quay.io"], "permissive", upstream) == HEAD + start + expected


@pytest.mark.parametrize("urls", [["192.0.2.10:5000"], ["ftp://192.0.2.10"], [], "https://192.0.2.10", ["https://"]])
def test_mirrors_that_make_no_sense(urls: Any) -> None:
    for refused in (lambda: containerd_hosts({"quay.io": urls}), lambda: registries_conf({"quay.io": urls}, [], "x")):
        with pytest.raises(AnsibleFilterError, match=r"irrors? of quay\.io"):
            refused()
