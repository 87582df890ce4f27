# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtime's package has one name in a bundle that was compiled, and another in one of upstream's packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles" / "containerd"
COMPILED = "packages:\n- name: containerd\n  version: 2.4.2-1.1\nimages:\n"
UPSTREAM = "packages:\n- name: kubeadm\n  version: 1.36.3-1.1\n- name: containerd.io\n  version: 2.4.2-1~debian.13\n"


@pytest.mark.usefixtures("plugin_loader")
@pytest.mark.parametrize(("source", "lock", "name"), [
    ("utility", COMPILED, "containerd"),
    ("utility", UPSTREAM, "containerd.io"),
    # The controller may have nothing but the key of the repository
    ("utility", None, "containerd"),
    ("upstream", COMPILED, "containerd.io"),
])
def test_the_name_is_that_of_where_it_comes_from(tmp_path: Path, source: str, lock: str | None, name: str) -> None:
    path = tmp_path / "bundle.lock.yml"
    if lock is not None:
        path.write_text(lock)
    loader = DataLoader()
    variables: dict[str, Any] = loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True)
    templar = Templar(loader=loader, variables={**variables, "_cluster_bundle_lock": str(path)})
    assert templar.template(trust_as_template(f"{{{{ _containerd_package['{source}'] }}}}")) == name
