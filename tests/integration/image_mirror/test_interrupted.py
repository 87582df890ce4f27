# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies that are broken off, and runs beside each other: the next one goes on, nothing looks finished that is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.image_mirror.conftest import APP, BIG, LAYERS, WEB, Mirror, Upstream, until
from tests.integration.image_mirror.faulty_proxy import Fault
from tests.integration.image_mirror.registries import Served

BLOB = r"^GET .*/course/big/blobs/"
# Bytes in a second and a layer; skopeo fetches all six of them at once
SLOW = 300_000


def moved(upstream: Upstream) -> Counter[str]:
    """How often each blob of the big image came as a whole."""
    return Counter(
        path.rpartition(":")[2] for method, path, size in upstream.proxy.answered
        if method == "GET" and "/course/big/blobs/" in path and size > 1_000_000)


def is_named(destination: dict[str, Any], served: Served | None) -> bool:
    """Whether the big image looks as if it were there."""
    if served:
        return (served.storage / "docker/registry/v2/repositories/course/big/_manifests/tags/1").exists()
    if destination["type"] == "dir":
        return (Path(destination["path"]) / "big:1").exists()
    index = Path(destination["path"]) / "index.json"
    return index.exists() and BIG in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["oci", "dir", "registry"])
def test_a_killed_copy_goes_on_where_it_was(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tmp_path: Path, kind: str
) -> None:
    served = serve() if kind == "registry" else None
    destination = {"type": kind, "path": str(tmp_path / "place")} if not served else {
        "type": kind, "address": served.address, "tls": False}
    # Half of the layers come at once, the others do not come at all while this run lives
    half = LAYERS // 2
    upstream.proxy.faults[:] = [Fault(BLOB, times=half + 1), Fault(BLOB, rate=SLOW)]

    process = mirror.start(images=[BIG], destination=destination)
    until(lambda: len(kept(tmp_path, upstream)) >= half, "half of the copy")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # Whatever it had started is gone with it
    until(lambda: not copies_of(tmp_path), "the end of its copies", 5)
    there = kept(tmp_path, upstream)
    assert half <= len(there) < LAYERS and not is_named(destination, served)

    upstream.proxy.faults.clear()
    upstream.proxy.answered.clear()
    again = mirror(images=[BIG], destination=destination)

    assert again.states == {BIG: "copied"} and is_named(destination, served)
    assert not set(moved(upstream)) & there, "what was there is moved again"
    assert len(moved(upstream)) == LAYERS - len(there)
    assert mirror(images=[BIG], destination=destination, state="verified").states == {BIG: "present"}
    assert not [path for path in tmp_path.rglob(".*") if path.name.startswith(".classroom")]


def kept(tmp_path: Path, upstream: Upstream) -> set[str]:
    """Which layers of the big image are whole in the destination, by the names that a layout and a registry give."""
    layers = {
        json.loads((tree / "manifest.json").read_bytes())["layers"][number]["digest"].partition(":")[2]
        for tree in upstream.trees.glob("big-*") for number in range(LAYERS)}
    # os.walk, since a registry removes directories meanwhile
    return layers & {name for _path, directories, names in os.walk(tmp_path) for name in (*directories, *names)}


def copies_of(tmp_path: Path) -> str:
    """Processes of skopeo that work for this test."""
    return subprocess.run(["pgrep", "-f", f"skopeo copy .*{tmp_path}"], check=False, capture_output=True,
                          text=True).stdout


def test_of_two_runs_at_once_the_second_waits_or_is_refused(mirror: Mirror, upstream: Upstream) -> None:
    slow = Fault(BLOB, rate=SLOW // 10)
    upstream.proxy.faults[:] = [slow]
    first = mirror.start()
    until(lambda: upstream.proxy.count("/course/big/") > 0, "the first run's copying")

    refused = mirror(ok=False, wait=0)
    looking = mirror(ok=None, state="verified", wait=0)
    second = mirror.start(wait=60)
    until(lambda: any("waits for another run" in line for line in mirror.lines()), "the second run's waiting")
    slow.rate = 0

    assert f"process {first.pid}" in refused.message and "Another run" in refused.message
    assert looking.states[BIG] == "missing"
    assert set(mirror.finish(first).states.values()) == {"copied"}
    assert set(mirror.finish(second).states.values()) == {"present"}
    assert set(mirror(state="verified").states.values()) == {"present"}


def test_two_lists_into_one_layout_at_once(mirror: Mirror, tmp_path: Path) -> None:
    """With locks of their own they still share the layout's index."""
    runs = [mirror.start(images=[name], lock=str(tmp_path / f"{number}.lock"))
            for number, name in enumerate((APP, WEB, BIG))]
    for run in runs:
        mirror.finish(run)

    index = json.loads((tmp_path / "layout/index.json").read_text(encoding="utf-8"))
    assert len(index["manifests"]) == 3
    assert set(mirror().states.values()) == {"present"}


def test_a_copy_that_stands_still_is_ended_and_tried_again(mirror: Mirror, upstream: Upstream) -> None:
    upstream.proxy.faults[:] = [Fault(BLOB, times=1, delay=8)]

    run = mirror(images=[BIG], timeout=2)

    assert run.states == {BIG: "copied"}
    assert any("attempt 1 failed" in line and "no data was transferred for 2 s" in line for line in mirror.lines())


def test_an_answer_that_is_cut_off_is_asked_for_again(mirror: Mirror, upstream: Upstream) -> None:
    upstream.proxy.faults[:] = [Fault("^GET .*/manifests/", times=1, cut=50), Fault(BLOB, times=1, cut=1000)]

    assert mirror(images=[BIG]).states == {BIG: "copied"}
    assert mirror(images=[BIG], state="verified").states == {BIG: "present"}


def test_what_is_there_and_not_whole_is_copied_again(mirror: Mirror, upstream: Upstream, tmp_path: Path) -> None:
    for kind in ("oci", "dir"):
        place = tmp_path / kind
        options: dict[str, Any] = {"destination": {"type": kind, "path": str(place)}, "images": [BIG]}
        mirror(**options)
        layer = next(path for path in place.rglob("*") if path.is_file() and path.stat().st_size > 1_000_000)
        layer.write_bytes(layer.read_bytes()[:1000])
        upstream.proxy.answered.clear()

        verified = mirror(ok=False, state="verified", **options)
        run = mirror(**options)

        assert verified.states == {BIG: "different"} and "too short" in verified.message
        assert run.states == {BIG: "copied"} and len(moved(upstream)) == 1
        assert mirror(state="verified", **options).states == {BIG: "present"}
