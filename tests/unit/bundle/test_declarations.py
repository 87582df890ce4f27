# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""versions.yml is the one file of versions: everything else in bundle/ follows from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bundle.builder import config
from bundle.builder.config import Recipe
from bundle.builder.errors import BundleError
from bundle.builder.packages import render

SOURCE = Path(__file__).resolve().parents[3] / "bundle"
MODULES = sorted(path.name for path in (SOURCE / "go").iterdir())


def go_mod(name: str) -> str:
    return (SOURCE / "go" / name / "go.mod").read_text(encoding="utf-8")


def required(text: str) -> dict[str, str]:
    """Module paths and versions, replacements winning as they do for Go."""
    found = dict(re.findall(r"^\s*(?:require )?([^\s=>]+/[^\s=>]+) (v\S+)(?: // indirect)?$", text, re.MULTILINE))
    return {**found, **dict(re.findall(r"^replace (\S+) => \S+ (v\S+)$", text, re.MULTILINE))}


def tools(text: str) -> set[str]:
    block = re.search(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
    return set(block[1].split()) if block else set(re.findall(r"^tool (\S+)$", text, re.MULTILINE))


def test_every_module_has_a_directory_and_no_directory_is_left_over(declared: Recipe) -> None:
    assert sorted(declared.modules) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_go_mod_requires_the_declared_version(declared: Recipe, name: str) -> None:
    module = declared.modules[name]
    assert required(go_mod(name))[module.module] == module.version


@pytest.mark.parametrize("name", MODULES)
def test_go_mod_names_exactly_the_declared_programs(declared: Recipe, name: str) -> None:
    assert tools(go_mod(name)) == set(declared.modules[name].programs.values())


@pytest.mark.parametrize("name", MODULES)
def test_go_mod_asks_for_the_declared_go(declared: Recipe, name: str) -> None:
    lines = go_mod(name).splitlines()
    assert f"go {declared.versions.go_minimum}" in lines
    assert f"toolchain go{declared.versions.go_toolchain}" in lines


@pytest.mark.parametrize("name", MODULES)
def test_go_sum_holds_the_checksum_of_the_module(declared: Recipe, name: str) -> None:
    module = declared.modules[name]
    sums = (SOURCE / "go" / name / "go.sum").read_text(encoding="utf-8")
    assert f"{module.module} {module.version} h1:" in sums


def test_pins_are_followed(declared: Recipe) -> None:
    for name, pins in declared.versions.pins.items():
        assert pins.items() <= required(go_mod(name)).items()


def test_staging_modules_are_of_the_same_release_as_kubernetes(declared: Recipe) -> None:
    release = declared.versions.modules["kubernetes"].replace("v1.", "v0.", 1)
    replaced = dict(re.findall(r"^replace (\S+) => \S+ (v\S+)$", go_mod("kubernetes"), re.MULTILINE))
    assert len(replaced) > 30
    assert set(replaced.values()) == {release}


def test_every_package_is_described_from_programs_that_exist(declared: Recipe) -> None:
    directories = {name: Path("/programs") / name for name in declared.modules}
    built = {
        str(directories[name] / program) for name, module in declared.modules.items() for program in module.programs
    }
    described = sorted(path.stem for path in (SOURCE / "packages").glob("*.yaml"))
    assert described == sorted(declared.versions.packages)
    for package in declared.versions.packages.values():
        for entry in render(SOURCE / "packages", package, directories, "amd64")["contents"]:
            source = entry.get("src", "")
            if entry.get("type") != "dir" and not source.endswith("/LICENSE"):
                assert source in built or Path(source).is_file(), source


def test_every_image_is_described_from_programs_that_exist(declared: Recipe) -> None:
    for image in declared.images.values():
        assert image.base in {"", *declared.bases}
        for source in image.files.values():
            module, _, program = source.partition("/")
            assert module == "debian" or program in declared.modules[module].programs, source


def test_every_cni_plugin_that_is_built_is_packaged(declared: Recipe) -> None:
    contents = yaml.safe_load((SOURCE / "packages" / "kubernetes-cni.yaml").read_text(encoding="utf-8"))["contents"]
    packaged = {entry["src"].removeprefix("cni/") for entry in contents if entry.get("src", "").startswith("cni/")}
    assert packaged == set(declared.modules["cni"].programs)


def test_a_module_without_a_version_is_refused(tmp_path: Path) -> None:
    for name in ("versions.yml", "images.yml"):
        (tmp_path / name).write_text((SOURCE / name).read_text(encoding="utf-8"), encoding="utf-8")
    programs = (SOURCE / "programs.yml").read_text(encoding="utf-8")
    (tmp_path / "programs.yml").write_text(
        programs + "\nextra: {module: example.org/x, programs: {}}\n", encoding="utf-8"
    )
    with pytest.raises(BundleError, match="extra in one of them only"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("flag", "wanted"),
    [
        ("-X k8s.io/component-base/version.gitVersion={version}", "gitVersion=v1.36.3"),
        ("-X k8s.io/component-base/version.gitMajor={major}", "gitMajor=1"),
        ("-X k8s.io/component-base/version.gitMinor={minor}", "gitMinor=36"),
    ],
)
def test_linker_flags_carry_the_version(flag: str, wanted: str) -> None:
    module = config.Module("kubernetes", "k8s.io/kubernetes", "v1.36.3", {}, ldflags=(flag,))
    assert module.linker_flags().startswith("-s -w ")
    assert module.linker_flags().endswith(wanted)
