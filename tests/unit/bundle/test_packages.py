# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nfpm's descriptions: what is written by hand plus what follows."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle.builder.config import Package, Recipe
from bundle.builder.packages import file_name, render

SOURCE = Path(__file__).resolve().parents[3] / "bundle" / "packages"
TOOL = Package("tool", "module", "1.36.3", "1.1")
PROGRAMS = {"module": Path("/programs/module-1")}


@pytest.fixture
def rendered(tmp_path: Path) -> dict[str, Any]:
    written = {
        "description": "A tool",
        "section": "admin",
        "contents": [
            {"src": "module/tool", "dst": "/usr/bin/tool"},
            {"src": "files/tool.conf", "dst": "/etc/tool.conf", "type": "config|noreplace"},
            {"dst": "/var/lib/tool", "type": "dir"},
        ],
        "scripts": {"postinstall": "files/tool.postinstall"},
    }
    (tmp_path / "tool.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return render(tmp_path, TOOL, PROGRAMS, "amd64")


def test_name_version_and_architecture_follow(rendered: dict[str, Any]) -> None:
    wanted = {"name": "tool", "version": "1.36.3", "release": "1.1", "arch": "amd64"}
    assert wanted.items() <= rendered.items()


@pytest.mark.parametrize(
    ("family", "architecture", "name"),
    [
        ("apt", "amd64", "apt/pool/tool_1.36.3-1.1_amd64.deb"),
        ("rpm", "amd64", "rpm/pool/tool-1.36.3-1.1.x86_64.rpm"),
        ("rpm", "arm64", "rpm/pool/tool-1.36.3-1.1.aarch64.rpm"),
    ],
)
def test_files_are_named_as_their_family_names_them(family: str, architecture: str, name: str) -> None:
    assert file_name(TOOL, family, architecture) == name


def test_what_is_written_is_kept(rendered: dict[str, Any]) -> None:
    assert {"description": "A tool", "section": "admin"}.items() <= rendered.items()


def test_contents_have_sources_and_modes_of_their_kind(rendered: dict[str, Any], tmp_path: Path) -> None:
    contents = {entry["dst"]: entry for entry in rendered["contents"]}
    assert contents["/usr/bin/tool"]["src"] == "/programs/module-1/tool"
    assert contents["/etc/tool.conf"]["src"] == str(tmp_path / "files" / "tool.conf")
    assert {path: entry["file_info"]["mode"] for path, entry in contents.items()} == {
        "/usr/bin/tool": 0o755,
        "/etc/tool.conf": 0o644,
        "/var/lib/tool": 0o755,
        "/usr/share/doc/tool/copyright": 0o644,
        "/usr/share/licenses/tool/LICENSE": 0o644,
    }


def test_scripts_are_found_beside_the_description(rendered: dict[str, Any], tmp_path: Path) -> None:
    assert rendered["scripts"] == {"postinstall": str(tmp_path / "files" / "tool.postinstall")}


def test_equal_inputs_make_equal_packages(rendered: dict[str, Any]) -> None:
    assert rendered["mtime"] == "2026-01-01T00:00:00Z"
    assert rendered["rpm"]["buildhost"] == "localhost"


def test_the_kubelet_depends_on_what_upstreams_package_depends_on(declared: Recipe) -> None:
    programs = {name: Path("/programs") / name for name in declared.modules}
    kubelet = render(SOURCE, declared.versions.packages["kubelet"], programs, "amd64")
    depends = kubelet["overrides"]["deb"]["depends"]
    assert [dependency.split(" ")[0] for dependency in depends] == ["iptables", "kubernetes-cni", "mount", "util-linux"]
    assert kubelet["overrides"]["rpm"] == {
        "depends": ["kubernetes-cni >= 1.2.0", "util-linux"], "recommends": ["iptables >= 1.8.4"],
    }


@pytest.mark.parametrize(
    ("package", "path", "source"),
    [
        ("kubelet", "/etc/default/kubelet", {"deb": "kubelet.env"}),
        ("kubelet", "/etc/sysconfig/kubelet", {"rpm": "kubelet.env"}),
        (
            "kubeadm", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
            {"deb": "10-kubeadm.deb.conf", "rpm": "10-kubeadm.rpm.conf"},
        ),
    ],
)
def test_each_family_has_its_own_place_for_the_kubelets_arguments(
    declared: Recipe, package: str, path: str, source: dict[str, str]
) -> None:
    programs = {name: Path("/programs") / name for name in declared.modules}
    contents = render(SOURCE, declared.versions.packages[package], programs, "amd64")["contents"]
    found = {entry["packager"]: Path(entry["src"]).name for entry in contents if entry["dst"] == path}
    assert found == source


def test_the_families_differ_in_that_place_only() -> None:
    texts = [(SOURCE / "files" / f"10-kubeadm.{family}.conf").read_text(encoding="utf-8") for family in ("deb", "rpm")]
    assert texts[0].replace("/etc/default/kubelet", "/etc/sysconfig/kubelet") == texts[1]
    assert texts[0] != texts[1]


@pytest.mark.parametrize("package", ["containerd", "kubelet", "classroom-registry"])
@pytest.mark.parametrize(
    ("script", "words", "told"),
    [
        ("postinstall", ["configure", ""], ["daemon-reload", "preset"]),
        ("postinstall", ["configure", "1.0-1.1"], ["daemon-reload"]),
        ("postinstall", ["1"], ["daemon-reload", "preset"]),
        ("postinstall", ["2"], ["daemon-reload"]),
        ("preremove", ["remove"], ["disable"]),
        ("preremove", ["upgrade", "2.0"], []),
        ("preremove", ["0"], ["disable"]),
        ("preremove", ["1"], []),
    ],
)
def test_scripts_understand_both_families(
    tmp_path: Path, package: str, script: str, words: list[str], told: list[str]
) -> None:
    """A script is run with what dpkg or rpm says at that moment; programs in its path write down what they are told."""
    for name in ("systemctl", "systemd-sysusers"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/told\n', encoding="utf-8")
        program.chmod(0o755)
    text = (SOURCE / "files" / f"{package}.{script}").read_text(encoding="utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "script").write_text(text.replace("/run/systemd/system", str(tmp_path / "run")), encoding="utf-8")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", str(tmp_path / "script"), *words], env=environment, check=True)
    log = tmp_path / "told"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    verbs = [word for line in lines for word in line.split()[1:] if line.startswith("systemctl") and word[0] != "-"]
    assert [word for word in verbs if not word.endswith(".service")] == told


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("10-kubeadm.deb.conf", "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env"),
        ("10-kubeadm.deb.conf", "EnvironmentFile=-/etc/default/kubelet"),
        ("10-kubeadm.rpm.conf", "EnvironmentFile=-/etc/sysconfig/kubelet"),
        ("containerd.service", "ExecStart=/usr/bin/containerd"),
        ("containerd.service", "KillMode=process"),
        ("kubelet.service", "Restart=always"),
        ("classroom-registry.service", "User=classroom-registry"),
    ],
)
def test_units_say_what_kubeadm_and_the_roles_count_on(unit: str, line: str) -> None:
    assert line in (SOURCE / "files" / unit).read_text(encoding="utf-8").splitlines()
