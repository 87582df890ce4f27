# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write docs/reference/modules.md and the table of variables in each role's README from the sources.

With --check nothing is written and the exit status is 1 when a file is not what the sources say.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from tools.paths import ROOT, environment

COLLECTION = "classroom.kubeadm"
BEGIN, END = "<!-- variables: written by `make docs` -->", "<!-- end of variables -->"


def plain(text: str | list[str]) -> str:
    """Ansible's semantic markup as Markdown; lists become one paragraph."""
    joined = " ".join(text) if isinstance(text, list) else text
    joined = re.sub(r"\b[OVCE]\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"\bRV\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"\bM\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"\bP\(([^)#]*)#\w+\)", r"`\1`", joined)
    joined = re.sub(r"\bB\(([^)]*)\)", r"**\1**", joined)
    joined = re.sub(r"\bI\(([^)]*)\)", r"*\1*", joined)
    joined = re.sub(r"\bU\(([^)]*)\)", r"<\1>", joined)
    return re.sub(r"\bL\(([^,]*),\s*([^)]*)\)", r"[\1](\2)", joined)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def kind(option: dict[str, Any]) -> str:
    described = str(option.get("type", "str"))
    return f"{described} of {option['elements']}" if option.get("elements") else described


def value(option: dict[str, Any]) -> str:
    """How an option is filled when it is left out."""
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
        when, meaning = str(entry.get("returned", "")), plain(entry.get("description", ""))
        rows.append(f"| `{name}` | {kind(entry)} | {cell(when)} | {cell(meaning)} |")
    return rows


def module_text(name: str, entry: dict[str, Any]) -> str:
    doc = entry["doc"]
    lines = [f"## {name}", "", doc["short_description"] + ".", ""]
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
    """One section a module, in the order of their names, from ansible-doc."""
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
    """The table between the two marks of a role's README, from its argument_specs and defaults."""
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
