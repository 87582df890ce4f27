# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of the test in place of ssh and sftp: answer each module with a chosen text and run nothing.

Installed as the programs `ssh` and `sftp` in one directory, with `host_answers.json` and `log/` next to them. A host is
found by its address. What a student who is root on a seat gets by replacing /usr/bin/python3 is the `mutations` of a
host:

`modules`  names without their collection, or all when it is missing
`set`      keys (a.b.c) and their values in the answer
`strings`  a text instead of each string of the answer
`text`     standard output as it is
`wait`     no answer for so many seconds, with `drip` some bytes of it each time
`big`      so many bytes in one string

Only the standard library, and only what starts fast: one process for each task and host.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import re
import select
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any

STATE = os.path.dirname(os.path.abspath(__file__))
_MARK = re.compile(r"BECOME-SUCCESS-\w+")
_TEMPORARY = re.compile(r"ansible-tmp-[-.\w]+")
_CHUNK = b"x" * 65536


def main(program: str, words: list[str]) -> int:
    with open(os.path.join(STATE, "host_answers.json"), encoding="utf-8") as stream:
        known = json.load(stream)
    if program == "sftp":
        return sftp(known, words)
    if "-G" in words:
        print(f"user root\nhostname {words[-1]}\nport 22\nuserknownhostsfile ~/.ssh/known_hosts\nidentityfile "
              "~/.ssh/id_ed25519")
        return 0
    if "-O" in words:
        # No connection is shared
        return 1
    return ssh(known, words[-2], words[-1])


def ssh(known: Mapping[str, Any], address: str, command: str) -> int:
    host = known["hosts"].get(address)
    if host is None:
        print(f"ssh: connect to host {address} port 22: No route to host", file=sys.stderr)
        return 255
    mark = _MARK.search(command)
    if mark:
        say((mark.group(0) + "\n").encode())
    if "dd of=" in command or "dd if=" in command:
        raise SystemExit("this host transfers files by sftp only")
    temporary = _TEMPORARY.search(command)
    if "mkdir" in command and temporary:
        say("{0}=/root/.ansible/tmp/{0}\n".format(temporary.group(0)).encode())
    elif "echo ~" in command:
        say(b"/root\n")
    elif "import sys; print(" in command:
        return answer_probe(host)
    elif "/python3" in command:
        payload = sys.stdin.read()
        if not payload:
            with open(os.path.join(STATE, "uploads", address), encoding="utf-8") as stream:
                payload = stream.read()
        name, parameters = module_of(payload)
        record(address, host, module=name, parameters=parameters)
        return answer(known, host, name, parameters)
    return 0


def answer_probe(host: Mapping[str, Any]) -> int:
    """The shell probe of the role enroll."""
    say(host.get("probe", "python=3.13.5\nsudo=root\n").encode())
    return 0


def module_of(payload: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of the module in Ansible's payload, which is Python with a call at its end."""
    name = re.search(r"^ansible_module='([\w.]+)',$", payload, re.MULTILINE)
    text = re.search(r"^params=(.+),$", payload, re.MULTILINE)
    assert name and text, "the form of Ansible's payload has changed"
    parameters = json.loads(ast.literal_eval(text.group(1)))["ANSIBLE_MODULE_ARGS"]
    return name.group(1).rsplit(".", 1)[-1], parameters


def answer(known: Mapping[str, Any], host: Mapping[str, Any], module: str, parameters: Mapping[str, Any]) -> int:
    result = honest(known, host, module, parameters)
    for mutation in host.get("mutations", ()):
        if module not in mutation.get("modules", [module]):
            continue
        for path, value in mutation.get("set", {}).items():
            put(result, path.split("."), value)
        if "strings" in mutation:
            result = with_strings(result, mutation["strings"])
        if "big" in mutation:
            result["msg"] = result["reason"] = "x" * mutation["big"]
        if "wait" in mutation:
            return wait(mutation["wait"], mutation.get("drip", False))
        if "text" in mutation:
            say(mutation["text"].encode("utf-8", "surrogateescape"))
            return 0
    say(json.dumps(result).encode())
    return 0


def honest(
    known: Mapping[str, Any], host: Mapping[str, Any], module: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The sample of the module, with the parameters that the real one repeats."""
    sample = known["samples"].get(module)
    if sample is None:
        return {"failed": True, "msg": "the test has no answer for the module " + module}
    result: dict[str, Any] = {**json.loads(json.dumps(sample)), **host.get("answers", {}).get(module, {})}
    for key, parameter in known["repeated"].get(module, {}).items():
        if parameters.get(parameter) is not None:
            result[key] = parameters[parameter]
    for key, (parameter, own_name, name) in known["repeated_lists"].get(module, {}).items():
        result[key] = [{**result[key][0], own_name: entry[name]} for entry in parameters.get(parameter) or ()]
    if module in ("slurp", "stat"):
        content = file_content(host, parameters.get("src") or parameters["path"])
        if module == "slurp":
            if content is None:
                return {"failed": True, "msg": "file not found: " + parameters["src"]}
            result.update(content=base64.b64encode(content).decode(), encoding="base64", source=parameters["src"])
        elif content is not None:
            result["stat"] = {"exists": True, "isreg": True, "isdir": False, "islnk": False, "readable": True,
                              "size": len(content), "mode": "0600",
                              "checksum": hashlib.sha1(content).hexdigest()}
    return result


def file_content(host: Mapping[str, Any], path: str) -> bytes | None:
    """A file of the host, by the end of its path."""
    for ending, encoded in host.get("files", {}).items():
        if path.endswith(ending):
            return base64.b64decode(encoded)
    return None


def put(result: Any, path: list[str], value: Any) -> None:
    """Set a value deep in an answer; lists are entered at all of their elements."""
    if isinstance(result, list):
        for element in result:
            put(element, path, value)
    elif len(path) == 1:
        if isinstance(result, dict):
            result[path[0]] = value
    elif isinstance(result, dict):
        put(result.setdefault(path[0], {}), path[1:], value)


def with_strings(value: Any, text: str) -> Any:
    """The answer with a text instead of each of its strings."""
    if isinstance(value, dict):
        return {key: with_strings(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [with_strings(each, text) for each in value]
    return text if isinstance(value, str) else value


def wait(seconds: float, drip: bool) -> int:
    """Answer nothing, or without an end, until the controller hangs up."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    end = time.monotonic() + seconds
    # An error of the pipe: nothing reads it any more
    while time.monotonic() < end and not poll.poll(200):
        if drip:
            say(_CHUNK)
    return 1


def sftp(known: Mapping[str, Any], words: list[str]) -> int:
    """The one command that Ansible gives sftp: put or get."""
    address = words[-1].strip("[]")
    host = known["hosts"][address]
    verb, source, target = shlex.split(sys.stdin.read())
    if verb == "put":
        with open(source, encoding="utf-8", errors="surrogateescape") as stream:
            content = stream.read()
        record(address, host, upload=target, content=content)
        if content.startswith("#") and "_ansiballz_main" in content:
            with open(os.path.join(STATE, "uploads", address), "w", encoding="utf-8") as copy:
                copy.write(content)
        return 0
    record(address, host, download=source)
    size = host.get("download_bytes", 0)
    content_of = file_content(host, source)
    if content_of is None and not size:
        print(f"File {source} not found.", file=sys.stderr)
        return 1
    with open(target, "wb") as file:
        file.write(content_of or b"")
        for _number in range(size // (1 << 20)):
            # Not sparse: what counts is what arrives
            file.write(b"x" * (1 << 20))
    return 0


def record(address: str, host: Mapping[str, Any], **event: Any) -> None:
    """One line for each event, whole even if several processes write."""
    line = json.dumps({"host": host["name"], **event}) + "\n"
    descriptor = os.open(os.path.join(STATE, "log", address), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode("utf-8", "surrogateescape"))
    finally:
        os.close(descriptor)


def say(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(os.path.basename(sys.argv[0]), sys.argv[1:]))
