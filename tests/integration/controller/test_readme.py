# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the README, run in a copy of the checkout somewhere else, as a reader would.

Each command is in one of the tables below. A playbook is loaded with its real inventory and lists its hosts instead of
changing them. What is not run has its reason in the table; a command that is in no table fails the test.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# Command of the README -> why it is not run here
NOT_RUN = {
    "make lab": "the stage lab does it",
    "make lab-down": "the stage lab does it",
    "make test": "this test is a part of it",
    "make setup": "tests/unit/tools/test_setup.py does it, without packages of this host",
    ". .venv/bin/activate": "the test runs in such an environment",
    "bin/kubectl get nodes": "the stage lab does it; a cluster is needed",
    "pipx install ansible-core": "docs/install.md says how it was tested",
    "pipx inject ansible-core rich": "docs/install.md says how it was tested",
    "ansible-galaxy collection install classroom.kubeadm": "the stage installed does it, with the tarball",
}
# Without these the same command would change hosts or ask for a password
INSTEAD = {"ansible-playbook": ["--list-hosts"]}
RUN_AS_THEY_ARE = ("cp", "mkdir", "ansible-inventory")
# Runs on localhost and writes into the current directory
INIT = "ansible-playbook classroom.kubeadm.init"
# Playbook -> a host that has to be among those it would work on
HOSTS = {"my-class": "seat07-node1", "my-cluster": "node2"}


def commands(text: str) -> list[str]:
    """All commands of a Markdown text: console blocks, lines of which begin with a prompt, and words in backquotes."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line[:2] in ("$ ", "# ")]
    inline = [
        found for found in re.findall(r"`([^`\n]+)`", text) if found.startswith(("ansible-", "make ")) and " " in found]
    # Those in sentences are for the checkout, which the blocks leave
    separate = [part for line in (*inline, *lines) for part in re.sub(r"\s+#.*", "", line).split(" && ")]
    return [command.strip() for command in separate]


def copied(target: Path) -> None:
    """What git tracks or would track, without the checkout's link to itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, listed):
        if not name.startswith((".collections/", ".venv")) and os.path.lexists(ROOT / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


class Reader:
    """Somebody with the README: a checkout, a home directory and the variables that were exported."""

    def __init__(self, directory: Path) -> None:
        self.checkout, self.home = directory / "kubeadm", directory / "home"
        self.place = self.checkout
        self.home.mkdir()
        copied(self.checkout)
        # As tools/setup makes the checkout known in its environment
        link = directory / "collections" / "ansible_collections" / "classroom" / "kubeadm"
        link.parent.mkdir(parents=True)
        link.symlink_to(self.checkout)
        self.variables = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "CLASSROOM_", "MOLECULE_"))}
        self.variables.update(
            HOME=str(self.home), PWD=str(self.checkout), ANSIBLE_COLLECTIONS_PATH=str(directory / "collections"))

    def run(self, argv: list[str], **variables: str) -> str:
        done = subprocess.run(
            argv, cwd=self.place, env={**self.variables, **variables}, stdin=subprocess.DEVNULL, text=True,
            capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def change_to(self, directory: str) -> None:
        self.place = Path(directory)
        # The settings of the directory count, as in a new shell
        self.variables.pop("ANSIBLE_CONFIG", None)
        self.variables["PWD"] = directory

    def export(self, command: str) -> None:
        name, _equals, value = command.removeprefix("export ").partition("=")
        self.variables[name] = value.replace("~", str(self.home)).replace("$PWD", str(self.checkout))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


def test_every_command_of_the_readme(reader: Reader) -> None:
    found = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    unknown, done = [], []
    for command in found:
        program, *arguments = shlex.split(command.replace("~", str(reader.home)))
        if command in NOT_RUN or (program == "make" and command == "make help"):
            continue
        if program == "export":
            reader.export(command)
        elif program == "cd":
            reader.change_to(*arguments)
        elif program in RUN_AS_THEY_ARE or command == INIT:
            reader.run([program, *arguments])
            done.append(command)
        elif program in INSTEAD:
            printed = reader.run([program, *arguments, *INSTEAD[program]])
            place = Path(reader.variables.get("ANSIBLE_CONFIG", reader.place / "ansible.cfg")).parent.name
            limited = {"--limit", "-i"} & set(arguments) or "students" in command
            if place in HOSTS and not limited:
                assert HOSTS[place] in printed, printed
            done.append(command)
        else:
            unknown.append(command)

    assert unknown == []
    assert len(done) >= 8
    # What is no longer in the README leaves the table
    assert set(NOT_RUN) <= set(found)


def test_the_inventory_of_the_readme_is_the_example() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]

    assert yaml.safe_load((ROOT / "inventories/three/hosts.yml").read_text(encoding="utf-8")) in shown
    example = yaml.safe_load((ROOT / "inventories/class/class.yml").read_text(encoding="utf-8"))
    assert {key: value for key, value in example.items() if key != "variables"} in shown


@pytest.mark.parametrize("link", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_each_playbook_has_a_link_in_the_root(link: str) -> None:
    assert (ROOT / f"{link}.yml").resolve() == ROOT / "playbooks" / f"{link}.yml"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as users install it, without a checkout."""
    base = tmp_path_factory.mktemp("installed")
    copied(base / "tree")
    for argv in (
        ["ansible-galaxy", "collection", "build", "--output-path", str(base), str(base / "tree")],
        # By force, because tools/setup has made the checkout known as this collection
        ["ansible-galaxy", "collection", "install", "--no-deps", "--force", "-p", str(base / "collections")],
    ):
        archive = [str(path) for path in base.glob("*.tar.gz")]
        subprocess.run([*argv, *(archive if argv[2] == "install" else [])], check=True, capture_output=True, cwd=base)
    return base / "collections"


@pytest.mark.parametrize(("example", "host"), [("class", "seat20-node2"), ("three", "node2")])
@pytest.mark.parametrize("playbook", ["site", "enroll", "reset", "audit"])
def test_an_example_works_anywhere_with_the_installed_collection(
    installed: Path, tmp_path: Path, example: str, host: str, playbook: str
) -> None:
    place = tmp_path / "somewhere"
    shutil.copytree(installed / "ansible_collections/classroom/kubeadm/inventories" / example, place)
    variables: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLASSROOM_"))},
        "ANSIBLE_CONFIG": str(place / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(installed), "HOME": str(tmp_path)}

    done = subprocess.run(
        ["ansible-playbook", f"classroom.kubeadm.{playbook}", "--list-hosts"], cwd=tmp_path, env=variables, text=True,
        capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert host in done.stdout
