# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links between Markdown files, the index of the documentation, and names and paths that pages and code mention."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINK = re.compile(r"\]\(([^)\s]+)\)")
MENTION = re.compile(r"(?<![\w/.-])docs/(?:[\w-]+/)*[\w-]+\.md\b")
PATH = re.compile(
    r"(?<![\w/.~-])(?:benchmarks|bundle|changelogs|docs|inventories|molecule|playbooks|plugins|roles|testbed|tests|tools)"
    r"/[a-z_](?:[\w/.-]*\w)?(?![\w/*{<-])")
# Names of other projects, and of examples, that are in no source
FOREIGN_NAMES = frozenset({
    "breaking_changes", "minor_changes", "security_fixes", "runtime_root", "password_mechanism", "ssh_askpass",
    "podman_seats",
})
KUBERNETES_ROLES = frozenset({"admin", "edit", "view"})
# Files that a reader creates or a build makes
EXAMPLE_PATHS = frozenset({
    "bundle/current", "inventories/myclass", "inventories/lab/group_vars/k8s_cluster/runtime.yml",
    "inventories/lab/host_vars/node2.yml",
})


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns], cwd=ROOT, check=True,
        capture_output=True, text=True).stdout.split("\0")
    return sorted(ROOT / name for name in filter(None, listed) if (ROOT / name).is_file())


PAGES = tracked("*.md")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path, _hash, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


def test_the_index_has_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    targets = LINK.findall(index.read_text(encoding="utf-8"))
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in targets}

    assert [page for page in tracked("docs/*.md") if page not in linked | {index}] == []


def test_pages_that_are_mentioned_exist() -> None:
    broken = []
    for path in tracked("*.py", "*.yml", "*.j2", "*.md", "Makefile", "tools", "*.toml", "*.cfg"):
        mentions = MENTION.findall(path.read_text(encoding="utf-8"))
        broken += [f"{path.relative_to(ROOT)}: {page}" for page in mentions if not (ROOT / page).is_file()]

    assert broken == []


@cache
def words_of_the_sources() -> frozenset[str]:
    """Return all words and file names of the sources; a name that was changed is not among them."""
    words: set[str] = set()
    for path in tracked("*.py", "*.yml", "*.yaml", "*.j2", "*.cfg", "*.sh", "*.in", "bundle", "testbed", "tools"):
        if "changelogs" not in path.parts and path.suffix != ".md":
            words.add(path.stem)
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))
    return frozenset(words)


def code_of(page: Path) -> str:
    """Return the inline code and the code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_in_code_exist(page: Path) -> None:
    code = code_of(page)
    names = set(re.findall(r"(?<![\w/.-])[a-z]+(?:_[a-z0-9]+)+(?![\w/])", code))
    roles = set(re.findall(r"\b[Rr]oles? `(\w+)`", page.read_text(encoding="utf-8"))) - KUBERNETES_ROLES
    collection = set(re.findall(r"classroom\.kubeadm\.(\w+)", code))

    assert sorted(names - words_of_the_sources() - FOREIGN_NAMES) == []
    assert sorted(name for name in roles if not (ROOT / "roles" / name).is_dir()) == []
    assert sorted(name for name in collection if not is_of_the_collection(name)) == []


def is_of_the_collection(name: str) -> bool:
    """Return whether a plugin, role or playbook has this name."""
    return any(tracked(f"plugins/*/{name}.*", f"roles/{name}/**", f"playbooks/{name}.yml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_code_exist(page: Path) -> None:
    found = set(PATH.findall(code_of(page)))
    # A part in capital letters is a placeholder
    named = {name for name in found - EXAMPLE_PATHS if not re.search(r"[A-Z]{2}", name)}

    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"(?:^|[`$#] ?)make ([a-z-]+)", code_of(page), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert sorted(named - targets) == []


class Messages(ast.NodeVisitor):
    """The texts of a Python file, with "…" in place of values."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        self.found.append("".join(str(part) for part in parts))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append(re.sub(r"\{\w*\}", "…", node.value))


@cache
def messages() -> str:
    """Return all texts that the collection and its tools can print, one per line, with "…" in place of values."""
    found = Messages()
    for path in tracked("plugins/**.py", "bundle/**.py", "testbed/*.py", "tools/*.py"):
        found.visit(ast.parse(path.read_text(encoding="utf-8")))
    tasks = (path.read_text(encoding="utf-8") for path in tracked("roles/**.yml", "playbooks/*.yml"))
    plain = (" ".join(re.sub(r"\{\{.*?\}\}", "…", text, flags=re.DOTALL).split()) for text in tasks)
    return "\n".join([*found.found, *plain])


def quotations() -> list[tuple[str, str]]:
    """Return the messages that pages quote: in headings, and in the column `message` of a table."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = str(page.relative_to(ROOT))
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        found += [(name, quoted) for heading in headings for quoted in re.findall(r'"([^"]+)"', heading)]
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            heads, _line, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
            if "message" in heads:
                column = heads.index("message")
                found += [(name, quoted) for row in rows for quoted in re.findall(r"`([^`]+)`", row[column])]
    return found


@pytest.mark.parametrize(("page", "message"), quotations())
def test_quoted_messages_are_printed(page: str, message: str) -> None:
    # Words with digits or slashes are examples of values
    parts = [part.strip(" .") for part in re.split(r"…|\S*[\d/]\S*", message)]

    assert [part for part in parts if part not in messages()] == [], page
