# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the module and of docs/guides/image-mirror.md, with local registries in place of those they name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.integration.image_mirror.authorities import Authority
from tests.integration.image_mirror.conftest import MODULE, Mirror, Upstream
from tests.integration.image_mirror.registries import Served, htpasswd
from tools.paths import ROOT

NAME = "classroom.kubeadm.image_mirror"


def run(
    tasks: list[dict[str, Any]], images: list[str], mirror: Mirror, upstream: Upstream, stand_ins: dict[str, str]
) -> list[dict[str, Any]]:
    """Run tasks in their order; the answer is what became of the images in each."""
    for image in images:
        upstream.push(image.partition("/")[2], image)
    results = []
    for task in tasks:
        given: dict[str, Any] = {"source": upstream.place, **task[NAME], "images": images}
        text = yaml.safe_dump(given)
        for written, here in stand_ins.items():
            text = text.replace(written, here)
        mirror.options = yaml.safe_load(text)
        results.append(mirror().states)
    return results


def test_the_examples_of_the_module(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tls: Authority, auth_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    tasks = yaml.safe_load(importlib.import_module(MODULE).EXAMPLES)
    served = serve(certificate=(tls.certificate, tls.key))

    results = run(tasks, tasks[0][NAME]["images"], mirror, upstream, {
        "registry.example.com:5000": served.address, "/etc/classroom/ca.crt": str(tls.ca),
        "/etc/classroom/auth.json": str(auth_file(served.address)), "/srv/": f"{tmp_path}/",
    })

    assert [set(states.values()) for states in results] == [{"copied"}, {"copied"}, {"present"}, {"present"}]


def test_the_playbook_of_the_document(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tls: Authority, auth_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    document = (ROOT / "docs" / "guides" / "image-mirror.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    (play,) = yaml.safe_load(block)
    served = serve(certificate=(tls.certificate, tls.key), auth=htpasswd(tmp_path))

    results = run(play["tasks"], play["vars"]["images"], mirror, upstream, {
        "registry.example.com:5000": served.address, "/srv/course/ca.crt": str(tls.ca),
        "/srv/course/auth.json": str(auth_file(served.address)), "/srv/": f"{tmp_path}/",
    })

    assert [set(states.values()) for states in results] == [{"copied"}, {"copied"}, {"present"}]
