# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module package_service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core import host_lock
from .._core.command import run
from .._core.distribution import Distribution, read_distribution
from .._core.errors import ClassroomError
from .._core.files import Root
from .._core.operation import Operation, Outcome
from .._core.plan import Change, as_changes, as_diff
from .._host import service
from .._host.systemd import unit_name
from .._packages import plan as package_plan
from .._packages.detect import backend_of

REPOSITORY_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "uri": {"type": "str", "required": True},
    "suite": {"type": "str", "default": "./"},
    "components": {"type": "list", "elements": "str", "default": []},
    "architectures": {"type": "list", "elements": "str", "default": []},
    "signed_by": {"type": "str", "required": True},
    "fingerprints": {"type": "list", "elements": "str", "default": []},
    "description": {"type": "str", "default": ""},
    "signed_metadata": {"type": "bool", "default": True},
    "excludes": {"type": "list", "elements": "str", "default": []},
    "redhat_uri": {"type": "str", "default": ""},
    "distribution_uris": {"type": "dict", "default": {}},
}
PACKAGE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str"},
}
FILE_OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "mode": {"type": "str", "default": "0644"},
    "force": {"type": "bool", "default": True},
    "owners": {"type": "list", "elements": "str", "default": []},
}
FILE_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": FILE_OPTIONS,
    "mutually_exclusive": [("content", "secret_content")],
    "required_if": [("state", "present", ("content", "secret_content"), True)],
}
SERVICE_FILE_SPEC = {
    **FILE_SPEC,
    "options": {**FILE_OPTIONS, "action_on_change": {"type": "str", "choices": ["restart", "reload"]}},
}
TRIAL_OPTIONS = {
    "command": {"type": "list", "elements": "str", "required": True},
    "directory": {"type": "path", "required": True},
}
SERVICE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "files": SERVICE_FILE_SPEC,
    "enabled": {"type": "bool"},
    "state": {"type": "str", "choices": ["started", "stopped"]},
    "action_on_change": {"type": "str", "choices": ["restart", "reload"], "default": "restart"},
    "socket": {"type": "path"},
    "port": {"type": "int"},
    "further_ports": {"type": "list", "elements": "int", "default": []},
    "timeout": {"type": "float", "default": 60},
    "validate": {"type": "dict", "options": TRIAL_OPTIONS},
    "brought_by": {"type": "list", "elements": "str", "default": []},
}
OPTIONS: dict[str, Any] = {
    "repository": {"type": "dict", "options": REPOSITORY_OPTIONS},
    "packages": {"type": "list", "elements": "dict", "default": [], "options": PACKAGE_OPTIONS},
    "hold": {"type": "bool", "default": True},
    "files": FILE_SPEC,
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": SERVICE_OPTIONS,
        "mutually_exclusive": [("socket", "port")],
    },
}
RULES: dict[str, Any] = {"required_one_of": [("packages", "files", "services")]}
_LISTS = ("components", "architectures", "fingerprints", "excludes")


def repository_of(given: Mapping[str, Any], distribution: Distribution) -> package_plan.Repository:
    """Return the repository for the distribution of the host; raise ClassroomError for an invalid key."""
    values = {**given, **{key: tuple(given[key]) for key in _LISTS}}
    redhat_uri, own = values.pop("redhat_uri"), values.pop("distribution_uris").get(distribution.label)
    if redhat_uri and distribution.family == "redhat":
        values["uri"] = redhat_uri
    values["further_uris"] = (str(own),) if own else ()
    return package_plan.with_checked_key(package_plan.Repository(**values))


def packages_spec(params: Mapping[str, Any], root: Root) -> package_plan.PackagesSpec:
    """Return the desired packages; raise ClassroomError for an invalid key."""
    repository = None
    if params["repository"] is not None:
        repository = repository_of(params["repository"], read_distribution(root))
    wanted = tuple(package_plan.Package(package["name"], package["version"]) for package in params["packages"])
    return package_plan.PackagesSpec(wanted, repository, params["hold"])


def file_spec(file: Mapping[str, Any]) -> service.FileSpec:
    """Return a desired file; raise ClassroomError for an invalid mode."""
    secret = file["secret_content"] is not None
    try:
        mode = int(file["mode"], 8)
    except ValueError as problem:
        raise ClassroomError(
            "The mode of {} is invalid: expected an octal number such as '0644', found '{}'. Correct it.".format(
                file["path"], file["mode"])) from problem
    content = file["secret_content"] if secret else file["content"]
    content = content if file["state"] == "present" else None
    return service.FileSpec(file["path"], content, mode, secret, file.get("action_on_change"), file["force"],
                            tuple(file["owners"]))


def service_spec(given: Mapping[str, Any]) -> service.ServiceSpec:
    """Return a desired service."""
    return service.ServiceSpec(
        name=unit_name(given["name"]),
        files=tuple(file_spec(file) for file in given["files"]),
        enabled=given["enabled"],
        state=given["state"],
        on_change=given["action_on_change"],
        socket=given["socket"],
        port=given["port"],
        timeout=given["timeout"],
        further_ports=tuple(given["further_ports"]),
        trial=trial_of(given["validate"]),
        brought_by=tuple(given["brought_by"]),
    )


def trial_of(given: Mapping[str, Any] | None) -> service.Trial | None:
    """Return the validation of a service's files, None if there is none."""
    if given is None:
        return None
    return service.Trial(tuple(given["command"]), given["directory"].rstrip("/"))


def install(root: Root, spec: package_plan.PackagesSpec, check_mode: bool) -> tuple[list[Change], dict[str, str]]:
    """Install the packages; return the changes and the versions that are installed now."""
    backend = backend_of(root, run, repository=spec.repository)
    files = backend.files(spec)
    state = package_plan.read_state(root, backend, spec, files)
    steps = package_plan.plan(spec, state, files)
    if steps and not check_mode:
        package_plan.apply(root, backend, spec, state, files)
        state = package_plan.read_state(root, backend, spec, files)
    return list(steps), {name: package.version for name, package in state.installed.items()}


def write(root: Root, files: tuple[service.FileSpec, ...], check_mode: bool) -> list[Change]:
    """Write the files that belong to no service and return the changes."""
    state = service.read_files(root, files)
    spec = service.with_other_owners(service.ServiceSpec("", files), state)
    steps = service.plan(spec, state)
    if not check_mode:
        service.Performer(root, run).perform(spec, steps)
    return list(steps)


def configure(root: Root, spec: service.ServiceSpec, check_mode: bool) -> list[Change]:
    """Configure one service and return the changes."""
    state = service.read_state(root, run, spec)
    spec = service.with_other_owners(spec, state)
    steps = service.plan(spec, state)
    service.try_files(root, run, spec, steps, check_mode)
    if not check_mode:
        service.validate(spec, state)
        if steps:
            service.check_ports(root, spec)
        performer = service.Performer(root, run)
        performer.perform(spec, steps)
        if steps or not performer.ready(spec, state.unit):
            performer.wait(spec, acted=any(step.action in ("start", "restart", "reload") for step in steps))
    return list(steps)


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Install the packages, then start each service; all parameters are validated before any change."""
    root = Root()
    with host_lock.changing(check_mode):
        spec = packages_spec(params, root)
        files = tuple(file_spec(file) for file in params["files"])
        services = [service_spec(given) for given in params["services"]]
        steps: list[Change] = []
        versions: dict[str, str] = {}
        if spec.packages or spec.repository is not None:
            steps, versions = install(root, spec, check_mode)
        steps += write(root, files, check_mode)
        for one in services:
            steps += configure(root, one, check_mode)
    return Outcome({
        "changed": bool(steps), "changes": as_changes(steps), "diff": as_diff(steps), "versions": versions,
        "changed_files": [step.target for step in steps if step.action == "file"]})


OPERATION = Operation(OPTIONS, perform, RULES)
