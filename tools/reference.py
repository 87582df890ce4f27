# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write docs/reference/modules.md, CHANGELOG.md and the table of variables in each role's README from the sources.

With --check nothing is written and the exit status is 1 when a file is not what the sources say.

The parser of antsibull-docs reads the markup. antsibull-docs cannot write these pages: its output is reStructuredText
in many files, while these are read as Markdown: one page for all modules, and a table in each role's README.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.format import Formatter
from antsibull_docs_parser.md import to_md
from antsibull_docs_parser.parser import Context, parse

from tools.changelog import changelog
from tools.paths import ROOT, environment

COLLECTION = "classroom.kubeadm"
BEGIN, END = "<!-- variables: written by `make docs` -->", "<!-- end of variables -->"


class Markdown(Formatter):
    """Ansible's markup as Markdown that is also readable as plain text, unlike that of the library's formatter."""

    def format_error(self, part: dom.ErrorPart) -> str:
        raise ValueError(part.message)

    def format_bold(self, part: dom.BoldPart) -> str:
        return f"**{part.text}**"

    def format_code(self, part: dom.CodePart) -> str:
        return f"`{part.text}`"

    def format_horizontal_line(self, part: dom.HorizontalLinePart) -> str:
        return " "

    def format_italic(self, part: dom.ItalicPart) -> str:
        return f"*{part.text}*"

    def format_link(self, part: dom.LinkPart) -> str:
        return f"[{part.text}]({part.url})"

    def format_module(self, part: dom.ModulePart, url: str | None) -> str:
        return f"`{part.fqcn}`"

    def format_rst_ref(self, part: dom.RSTRefPart) -> str:
        return part.text

    def format_url(self, part: dom.URLPart) -> str:
        return f"<{part.url}>"

    def format_text(self, part: dom.TextPart) -> str:
        return part.text

    def format_env_variable(self, part: dom.EnvVariablePart) -> str:
        return f"`{part.name}`"

    def format_option_name(self, part: dom.OptionNamePart, url: str | None) -> str:
        return f"`{part.name}`" if part.value is None else f"`{part.name}={part.value}`"

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return f"`{part.value}`"

    def format_plugin(self, part: dom.PluginPart, url: str | None) -> str:
        return f"`{part.plugin.fqcn}`"

    def format_return_value(self, part: dom.ReturnValuePart, url: str | None) -> str:
        return f"`{part.name}`" if part.value is None else f"`{part.name}={part.value}`"


def plain(text: str | list[str]) -> str:
    """Return Ansible's semantic markup as Markdown; lists become one paragraph."""
    joined = " ".join(text) if isinstance(text, list) else text
    return to_md(parse(joined, Context()), formatter=Markdown(), par_empty="")


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def kind(option: dict[str, Any]) -> str:
    described = str(option.get("type", "str"))
    return f"{described} of {option['elements']}" if option.get("elements") else described


def value(option: dict[str, Any]) -> str:
    """Return the default of an option as Markdown."""
    if option.get("required"):
        return "required"
    if "default" not in option or option["default"] is None:
        return ""
    return f"`{json.dumps(option['default'])}`"


def option_rows(options: dict[str, Any], prefix: str = "") -> list[str]:
    rows = []
    for name, option in options.items():
        choices = option.get("choices")
        text = plain(option.get("description", ""))
        if choices:
            text += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
        rows.append(f"| `{prefix}{name}` | {kind(option)} | {cell(value(option))} | {cell(text)} |")
        rows += option_rows(option.get("suboptions") or option.get("options") or {}, f"{prefix}{name}.")
    return rows


def return_rows(returned: dict[str, Any]) -> list[str]:
    rows = []
    for name, entry in returned.items():
        when, meaning = plain(str(entry.get("returned", ""))), plain(entry.get("description", ""))
        rows.append(f"| `{name}` | {kind(entry)} | {cell(when)} | {cell(meaning)} |")
    return rows


def module_text(name: str, entry: dict[str, Any]) -> str:
    doc = entry["doc"]
    lines = [f"## {name}", "", plain(doc["short_description"]) + ".", ""]
    lines += [f"- {plain(paragraph)}" for paragraph in doc["description"]]
    if doc.get("options"):
        lines += [
            "",
            "| option | type | default | meaning |",
            "| --- | --- | --- | --- |",
            *option_rows(doc["options"]),
        ]
    if entry.get("return"):
        lines += [
            "",
            "| returned | type | when | meaning |",
            "| --- | --- | --- | --- |",
            *return_rows(entry["return"]),
        ]
    if entry.get("examples"):
        lines += ["", "```yaml", entry["examples"].strip(), "```"]
    return "\n".join(lines)


def module_reference() -> str:
    """Return one section for each module, in alphabetical order, from ansible-doc."""
    names = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
    printed = subprocess.run(
        ["ansible-doc", "--json", "-t", "module", *(f"{COLLECTION}.{name}" for name in names)],
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
    ).stdout
    documents = json.loads(printed)
    header = f"# Modules of {COLLECTION}\n\nWritten by `make docs` from the modules' own documentation.\n"
    sections = [module_text(name, documents[f"{COLLECTION}.{name}"]) for name in names]
    return header + "\n" + "\n\n".join(sections) + "\n"


def role_variables(role: Path) -> str:
    """Return the table between the two marks of a role's README, from its argument_specs and defaults."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = {name: option for entry in specs["argument_specs"].values() for name, option in entry["options"].items()}
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    described = {name: {**option, "default": defaults[name]} for name, option in options.items()}
    return "\n".join(["| variable | type | default | meaning |", "| --- | --- | --- | --- |", *option_rows(described)])


def role_readme(role: Path) -> str:
    path = role / "README.md"
    head, rest = path.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n{role_variables(role)}\n{END}{tail}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    wanted = {ROOT / "docs" / "reference" / "modules.md": module_reference()}
    wanted[ROOT / "CHANGELOG.md"] = changelog(ROOT)
    wanted |= {role / "README.md": role_readme(role) for role in sorted((ROOT / "roles").iterdir()) if role.is_dir()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not what the sources say: run 'make docs'")
        else:
            path.write_text(wanted[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
