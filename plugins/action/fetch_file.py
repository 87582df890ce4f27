# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate and write everything that hosts send to the controller to be stored there."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml
from ansible._internal._display_utils import DeferredWarningContext
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.text import plain
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch import (
    credentials,
    destination,
    harvest,
    kubeconfig,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch.limits import file_size_limit

# The documentation of the options is in modules/fetch_file.py, where Ansible looks for it
SPEC: dict[str, Any] = {
    "format": {"type": "str", "choices": ["kubeconfig", "ca_certificate", "harvest"], "required": True},
    "src": {"type": "path"},
    "content": {"type": "str"},
    "dest": {"type": "path", "required": True},
    "directory": {"type": "path"},
    "mode": {"type": "str", "default": "0600"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "kubeconfig": {"type": "dict", "options": {
        "server": {"type": "str"},
        "cluster": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "groups": {"type": "list", "elements": "str", "default": []},
        "source_sha256": {"type": "str", "default": ""},
        "namespace": {"type": "str", "default": ""},
    }},
    "harvest": {"type": "dict", "options": {
        "directories": {"type": "list", "elements": "str", "required": True},
        "max_mb": {"type": "int", "default": 200},
        "objects": {"type": "bool", "default": False},
        "objects_max_mb": {"type": "int", "default": 64},
        "contents": {"type": "dict", "default": {}},
    }},
}
MODE = re.compile(r"0?[0-7]{3}")
# A kubeconfig of kubeadm has about 6 KiB.
SMALL = 1 << 20
_SOURCE = re.compile(r"/[\w/.@+:=, -]+")
_LONGEST_MESSAGE = 500


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(
            argument_spec=SPEC, mutually_exclusive=[("src", "content")])
        try:
            _check(given)
            if given["state"] == "absent":
                return {**result, **self._absent(given)}
            if given["format"] == "harvest":
                return {**result, **self._harvest(given)}
            return {**result, **self._small(given, task_vars)}
        except ClassroomError as problem:
            return {**result, "failed": True, "msg": str(problem)}
        except OSError as problem:
            return {**result, "failed": True, "msg": "{} cannot be written on the controller: {}. Correct the path, "
                    "or make room. Nothing was changed.".format(given["dest"], problem.strerror or problem)}

    def _place(self, given: Mapping[str, Any]) -> tuple[str, list[str], str]:
        """Return the directory that the inventory names, the directories below it, and the name in the last of them."""
        if given["directory"] is None:
            directory, name = os.path.split(os.path.abspath(given["dest"]))
            return directory, [], destination.require_name(name)
        *below, name = [destination.require_name(part) for part in given["dest"].split("/")]
        return given["directory"], below, name

    def _absent(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Remove the file from the controller, without a connection to the host."""
        directory, below, name = self._place(given)
        unchanged = {"changed": False, "dest": given["dest"], "reason": ""}
        try:
            with destination.opened(directory, *below) as place:
                if not place.exists(name):
                    return unchanged
                if given["kubeconfig"] and not _is_of(place, name, given["kubeconfig"]):
                    return {**unchanged, "reason": "it is the kubeconfig of another cluster or user, and stays"}
                place.remove(name, self._task.check_mode)
        except FileNotFoundError:
            return unchanged
        return {"changed": True, "dest": given["dest"], "reason": "it must be absent"}

    def _small(self, given: Mapping[str, Any], task_vars: Any) -> dict[str, Any]:
        """Parse a kubeconfig or a certificate, compare it with the file on the controller, and write it."""
        result: dict[str, Any] = {"dest": given["dest"]}
        if given["format"] == "kubeconfig" and self._is_current(given):
            return {**result, "changed": False, "reason": ""}
        text = given["content"] if given["src"] is None else self._slurped(given["src"], task_vars)
        try:
            if given["format"] == "kubeconfig":
                expected, source = _expected(given), hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
                text = kubeconfig.sealed(kubeconfig.rewritten(text, expected), source, expected)
            else:
                result["certificate"] = text = credentials.authorities(text, most=1)
        except ClassroomError as problem:
            raise ClassroomError(_rejection(given, str(problem))) from problem
        directory, below, name = self._place(given)
        content, mode = text.encode("ascii"), int(given["mode"], 8)
        reason = "it is missing"
        try:
            with destination.opened(directory, *below, create=not self._task.check_mode) as place:
                reason = _difference(place.read(name, SMALL), content, mode)
                if reason == "its mode is another" and not self._task.check_mode:
                    place.set_mode(name, mode)
                elif reason and not self._task.check_mode:
                    place.write(name, content, mode, replace=True)
        except FileNotFoundError:
            # Only in check mode: the directory is created with the file
            pass
        return {**result, "changed": bool(reason), "reason": reason}

    def _is_current(self, given: Mapping[str, Any]) -> bool:
        """Return whether the file on the controller was written from the same file of the host, and not changed since.

        The SHA-256 is the host's word. A wrong one keeps the present file.
        """
        directory, below, name = self._place(given)
        try:
            with destination.opened(directory, *below) as place:
                found = place.read(name, SMALL)
        except FileNotFoundError:
            return False
        return found is not None and found[1] == int(given["mode"], 8) and kubeconfig.is_current(
            found[0].decode("utf-8", "replace"), given["kubeconfig"]["source_sha256"], _expected(given))

    def _slurped(self, src: str, task_vars: Any) -> str:
        """Return a file of the host of at most SMALL bytes. It appears in no output at any verbosity."""
        try:
            # Warnings of the host are dropped.
            with self._hidden(), DeferredWarningContext(variables={}):
                found = self._execute_module("ansible.builtin.slurp", {"src": src}, task_vars=task_vars)
                self._remove_tmp_path(self._connection._shell.tmpdir)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as problem:
            # ansible-core expects a mapping with mappings in it, but a host may return something else.
            raise ClassroomError(f"{src} cannot be read on the host: expected the form of a module's result, found "
                                 "another. Nothing was changed.") from problem
        content = found.get("content")
        if found.get("unreachable"):
            raise AnsibleConnectionFailure(plain(str(found.get("msg", "")))[:_LONGEST_MESSAGE])
        if found.get("failed") or not isinstance(content, str):
            raise ClassroomError("{} cannot be read on the host: {}. Nothing was changed.".format(
                src, plain(str(found.get("msg", "no content was returned")))[:_LONGEST_MESSAGE].rstrip(".")))
        if len(content) > SMALL * 4 // 3 + 4:
            raise ClassroomError(f"{src} is too large: expected at most {SMALL} bytes, found {len(content) * 3 // 4}. "
                                 "Nothing was changed.")
        try:
            return base64.b64decode(content, validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as problem:
            raise ClassroomError(f"{src} is not text: expected base64 of UTF-8 from the host, found something else. "
                                 "Nothing was changed.") from problem

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        """Hide the host's answer from the messages of the connection plugin (-vvv) and from the host's log."""
        # The connection has its own copy of the play context.
        places = (self._task, self._play_context, self._connection._play_context)
        before = [place.no_log for place in places]
        for place in places:
            place.no_log = True
        try:
            yield
        finally:
            for place, value in zip(places, before, strict=True):
                place.no_log = value

    def _harvest(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fetch both archives of a host into a new directory, which is complete or does not exist."""
        directory, below, name = self._place(given)
        result: dict[str, Any] = {"changed": True, "dest": given["dest"], "reason": "it is a new harvest",
                                  "strangers": [], "namespaces": []}
        if self._task.check_mode:
            return result
        with destination.opened(directory, *below, create=True) as place:
            place.require_free(name)
            room = harvest.transfer_limit(given["harvest"]["max_mb"])
            disk_space.require(place.path, room, "the harvest of one host")
            place.fill_new(name, lambda fresh: self._fill(fresh, given, result))
        return result

    def _fill(self, fresh: destination.Directory, given: Mapping[str, Any], result: dict[str, Any]) -> None:
        wanted = given["harvest"]
        self._transfer(given["src"], harvest.FILES, fresh, wanted["max_mb"])
        try:
            with open(fresh.open_file(harvest.FILES), "rb") as stream:
                result["strangers"] = harvest.strangers(stream, wanted["directories"], wanted["max_mb"])
            if wanted["objects"]:
                self._transfer(given["src"], harvest.OBJECTS, fresh, wanted["objects_max_mb"])
                inner = fresh.subdirectory(harvest.MANIFESTS, create=True)
                try:
                    with open(fresh.open_file(harvest.OBJECTS), "rb") as stream:
                        result["namespaces"] = harvest.write_manifests(stream, inner, wanted["objects_max_mb"])
                finally:
                    inner.close()
                fresh.remove(harvest.OBJECTS)
        except ClassroomError as problem:
            raise ClassroomError("The harvest of this host is rejected: expected archives as harvest_files and "
                                 "harvest_objects write them, found that {}. Run it again. Nothing was changed on the "
                                 "controller.".format(str(problem).rstrip("."))) from problem
        # Converted to JSON first, because values of a task have Ansible's own types.
        contents = json.loads(json.dumps({**wanted["contents"], "strangers": result["strangers"]}))
        text = yaml.safe_dump(contents, allow_unicode=False, sort_keys=False, width=120)
        fresh.write("contents.yml", text.encode("ascii"), 0o600, replace=False)

    def _transfer(self, place: str, name: str, fresh: destination.Directory, max_mb: int) -> None:
        """Fetch a file of limited size through the connection into a directory of the controller."""
        limit = harvest.transfer_limit(max_mb)
        src, dest = "{}/{}".format(place.rstrip("/"), name), os.path.join(fresh.path, name)
        self._only_sftp()
        failure = ""
        try:
            with file_size_limit(limit):
                self._connection.fetch_file(src, dest)
        except AnsibleConnectionFailure:
            raise
        # A transfer program that is stopped by the limit and one that fails both end in an error of Ansible's
        except (AnsibleError, OSError) as problem:
            failure = plain(str(problem))[:_LONGEST_MESSAGE]
        try:
            descriptor = fresh.open_file(name)
        except FileNotFoundError:
            raise ClassroomError("{} was not transferred: expected a file, found none. {}".format(
                src, failure or "The host has none.")) from None
        try:
            os.fchmod(descriptor, 0o600)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size >= limit:
            raise ClassroomError(f"{src} is too large for the controller: expected less than {limit >> 20} MiB, found "
                                 "more. Raise "
                                 "harvest_max_mb if that is what the host holds. Nothing was changed.")
        if failure:
            raise ClassroomError(f"{src} was not transferred: {failure}")

    def _only_sftp(self) -> None:
        """Rule out the methods to which `smart` falls back: with `piped` a host fills the controller's memory."""
        connection, option = self._connection, "ssh_transfer_method"
        if connection.ansible_name.rpartition(".")[2] == "ssh" and connection.get_option(option) == "smart":
            connection.set_option(option, "sftp")


def _check(given: Mapping[str, Any]) -> None:
    """Reject options that a specification cannot express."""
    present = given["state"] == "present"
    if not MODE.fullmatch(given["mode"]):
        raise ClassroomError("Invalid mode: expected three or four octal digits like 0600, found '{}'. Correct it. "
                             "Nothing was changed.".format(given["mode"]))
    lacking = [name for name in ("kubeconfig", "harvest")
               if present and given["format"] == name and not given[name]]
    if present and given["format"] == "kubeconfig" and given["kubeconfig"] and not given["kubeconfig"]["server"]:
        lacking.append("kubeconfig.server")
    if present and given["src"] is None and (given["content"] is None or given["format"] != "ca_certificate"):
        lacking.append("src")
    if lacking:
        raise ClassroomError("Missing options for format '{}': expected {}, found none. Add them. Nothing was "
                             "changed.".format(given["format"], ", ".join(lacking)))
    if given["src"] is not None and (not _SOURCE.fullmatch(given["src"]) or ".." in given["src"].split("/")):
        # Programs for transfers read paths line by line, and expand patterns
        raise ClassroomError("Invalid src: expected an absolute path of letters, digits and plain punctuation, found "
                             "{}. Nothing was changed.".format(ascii(given["src"][:200])))


def _difference(found: tuple[bytes, int] | None, content: bytes, mode: int) -> str:
    """Why the file on the controller has to be written; empty when it is as wanted."""
    if found is None:
        return "it is missing"
    if found[0] != content:
        return "its content is another"
    return "" if found[1] == mode else "its mode is another"


def _expected(given: Mapping[str, Any]) -> kubeconfig.Expected:
    fields = given["kubeconfig"]
    return kubeconfig.Expected(
        fields["server"], fields["cluster"], fields["user"], tuple(fields["groups"]), fields["namespace"])


def _is_of(place: destination.Directory, name: str, fields: Mapping[str, Any]) -> bool:
    """Whether the controller's file is the one of this cluster and user; the name alone may be that of another one."""
    found = place.read(name, SMALL)
    owner = kubeconfig.owner(found[0].decode("utf-8", "replace")) if found else None
    return owner is None or owner == (fields["cluster"], fields["user"])


def _rejection(given: Mapping[str, Any], found: str) -> str:
    source = given["src"] or "The text that the host reported"
    if given["format"] == "kubeconfig":
        fields = given["kubeconfig"]
        return "Kubeconfig {} is rejected: expected one cluster, context and user as kubeadm writes them, for {} " \
               "at {}, found {}. Restore the file on the host, or reset the host. Nothing was changed.".format(
                   source, fields["user"], fields["server"], found)
    return f"{source} is rejected: expected one CA certificate as PEM, found {found}. Let the utility serve again " \
           "(utility.yml). Nothing was changed."
