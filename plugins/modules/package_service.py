#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_service
short_description: Services from packages of exact versions, running with exactly these files
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Makes a signed repository known, installs packages of exactly the wanted versions, up or down, in one transaction,
    and holds them, so that an upgrade of the system never moves them. In the Red Hat family a hold is an C(exclude=) in
    the file of that repository, lifted for this module's own transaction only.
  - Then writes the configuration of the services that the packages bring, enables them, makes them run with it, and
    waits until they answer.
  - Only the list of that one repository is fetched. If it does not serve - unreachable, itself or a package not signed
    with the key, without the wanted version - its description is put back as it was and no package is touched.
  - An installation that was interrupted is finished first. A running service is restarted (or reloaded) when a file
    changed, and also when one is newer than the running process - an earlier run may have been ended between the two.
  - Packages and services are one call because a machine on which all is as wished then costs one connection.
notes:
  - Works with apt in the Debian family, with dnf 4 or 5 in the Red Hat family, and with systemd.
  - Files of the packages that were changed on the machine are kept as they are (dpkg's C(--force-confold)); rpm puts
    the package's own beside them as C(.rpmnew).
  - What is installed is read from dpkg's own file, or with one query of rpm; a machine on which all is as wished sees
    neither apt nor dnf.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details:
      - Without any network traffic. Whether the repository has the versions is found out by the real run only.
      - A unit that is not installed yet is expected to be installed by then.
options:
  repository:
    description:
      - Where the packages come from. Without it, from the sources that the machine has.
    type: dict
    suboptions:
      name:
        description:
          - Its name on the machine, used in file names. In the Red Hat family also the repository's identifier.
        type: str
        required: true
      uri:
        description:
          - Its address, such as V(http://192.168.90.10/apt). In the Red Hat family what C(baseurl) takes, with its
            variables.
        type: str
        required: true
      suite:
        description: The suite, or for a flat repository its directory with a slash at the end. Only apt has suites.
        type: str
        default: ./
      components:
        description: The components of the suite; none for a flat repository. Only apt has them.
        type: list
        elements: str
        default: []
      architectures:
        description: Only these architectures. Without it all that the machine uses. Only apt asks.
        type: list
        elements: str
        default: []
      signed_by:
        description: The public key that signs it, as ASCII-armoured text.
        type: str
        required: true
      fingerprints:
        description:
          - Fingerprints that the primary keys in O(repository.signed_by) may have, as hexadecimal digits; another one
            is refused before anything is changed. Spaces and case do not matter.
          - Without it every key is taken, so the road by which it came has to be trusted.
        type: list
        elements: str
        default: []
      description:
        description: What dnf shows for the repository, instead of its name.
        type: str
        default: ""
      signed_metadata:
        description:
          - Whether dnf demands a signature of the repository's metadata as well (C(repo_gpgcheck)).
          - Packages must be signed in any case, and apt's lists always are.
        type: bool
        default: true
      excludes:
        description:
          - What dnf is to leave alone in this repository beside the packages with a version, such as what they need.
          - Not written with O(hold=false).
        type: list
        elements: str
        default: []
      further_uris:
        description:
          - Further addresses of the same form and key, such as packages of the host's distribution in a bundle.
            Only apt has them.
        type: list
        elements: str
        default: []
  packages:
    description: What is installed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The package.
        type: str
        required: true
      version:
        description:
          - Its version. V(1.36.3) is any packaging of that version, such as V(1.36.3-1.1); V(1.36.3-1.1) is just that.
          - V(1.36) is any release with these first two numbers; an installed one of them stays.
          - Without it any version will do, from any of the machine's sources, and the package is not held.
        type: str
  hold:
    description:
      - Whether the packages with a version are kept from upgrades of the system.
      - In the Red Hat family that needs a O(repository).
    type: bool
    default: true
  files:
    description:
      - Files that are read whenever they are needed, so that no service has to be told of a change, such as
        C(hosts.toml) of containerd or C(registries.conf). They are written before the services are brought up.
      - Missing directories are made. Owner and group of an existing file are kept.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file's absolute path.
        type: path
        required: true
      content:
        description:
          - Its whole content.
          - Exactly one of O(files[].content) and O(files[].secret_content) is required, unless
            the file is to be absent.
        type: str
      secret_content:
        description: Its whole content, which is never shown.
        type: str
      state:
        description: V(absent) for a file that is not to be there, and needs no content.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: Its permission bits, as an octal number in quotes.
        type: str
        default: "0644"
      force:
        description: Whether a file that is there is replaced. V(false) writes it only where there is none.
        type: bool
        default: true
  services:
    description: Units and the files that they read, in the order in which they are brought up.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit. V(containerd) is short for V(containerd.service).
        type: str
        required: true
      files:
        description:
          - The files that the service reads when it starts, also its unit and drop-ins. Missing directories are made.
          - Owner and group of an existing file are kept; a new one belongs to the user that the module runs as.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: The file's absolute path.
            type: path
            required: true
          content:
            description:
              - Its whole content.
              - Exactly one of O(services[].files[].content) and O(services[].files[].secret_content) is required,
                unless the file is to be absent.
            type: str
          secret_content:
            description: Its whole content, which is never shown.
            type: str
          state:
            description: V(absent) for a file that is not to be there, and needs no content.
            type: str
            choices: [present, absent]
            default: present
          mode:
            description: Its permission bits, as an octal number in quotes.
            type: str
            default: "0644"
          force:
            description: Whether a file that is there is replaced. V(false) writes it only where there is none.
            type: bool
            default: true
          action_on_change:
            description: What makes a running service read this file, instead of its O(services[].action_on_change).
            type: str
            choices: [restart, reload]
      enabled:
        description:
          - Whether the unit starts at boot. Without it that is left as it is.
          - Units that cannot be enabled, such as static ones, are left alone.
        type: bool
      state:
        description:
          - Whether the unit runs now.
          - Without it the unit is neither started nor stopped, but a running one is still restarted when a file
            changed.
          - That is right for a kubelet, which ends and starts again until kubeadm has given it a configuration.
        type: str
        choices: [started, stopped]
      action_on_change:
        description:
          - What makes a running service read a changed file.
          - A changed unit or drop-in always means a restart.
        type: str
        choices: [restart, reload]
        default: restart
      validate:
        description:
          - A command that judges the files of a directory before they are written. It sees a copy of the directory
            with the new files in it; when it fails, nothing is written and the running service is left alone.
          - In check mode a command that is not there yet judges nothing.
        type: dict
        suboptions:
          command:
            description: The command and its arguments; V({directory}) stands for the copy.
            type: list
            elements: str
            required: true
          directory:
            description: The directory that the service reads.
            type: path
            required: true
      brought_by:
        description:
          - Packages of which this collection must have installed one on this machine; a unit that somebody else
            brought is left alone. Without it every unit is acted on.
          - It suits O(services[].state=stopped) for a service that another one replaces.
        type: list
        elements: str
        default: []
      socket:
        description: The service counts as running once this Unix socket accepts connections.
        type: path
      port:
        description:
          - The service counts as running once this TCP port accepts connections on the loopback address.
          - Another program on it is an error, found before the service's files are changed.
        type: int
      further_ports:
        description: Other TCP ports that the service listens on, and no other program may have.
        type: list
        elements: int
        default: []
      timeout:
        description: How many seconds to wait for the socket or port.
        type: float
        default: 60
"""

EXAMPLES = r"""
- name: The container runtime is installed, held, and runs with its configuration
  classroom.kubeadm.package_service:
    repository:
      name: classroom-kubeadm
      uri: http://192.168.90.10:8080/apt
      signed_by: "{{ lookup('ansible.builtin.file', 'classroom-kubeadm.asc') }}"
    packages:
      - {name: containerd, version: 2.4.2}
    files:
      - path: /etc/containerd/certs.d/docker.io/hosts.toml
        content: "{{ lookup('ansible.builtin.template', 'hosts.toml.j2') }}"
    services:
      - name: containerd
        files:
          - path: /etc/containerd/conf.d/50-registry.toml
            content: "{{ lookup('ansible.builtin.template', 'registry.toml.j2') }}"
        enabled: true
        state: started
        socket: /run/containerd/containerd.sock

- name: The same in the Red Hat family, where dnf excludes both packages from now on
  classroom.kubeadm.package_service:
    repository:
      name: classroom-kubeadm
      uri: http://192.168.90.10:8080/rpm
      signed_by: "{{ lookup('ansible.builtin.file', 'classroom-kubeadm.asc') }}"
      excludes: [kubernetes-cni]
    packages:
      - {name: kubelet, version: 1.36.3}

- name: The kubelet is enabled and waits for kubeadm
  classroom.kubeadm.package_service:
    services:
      - name: kubelet
        enabled: true
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "install kubelet: it is not installed"
    - "restart containerd.service: /etc/containerd/config.toml changed"
changed_files:
  description: Paths of the files that were written or removed (in check mode - that would be).
  returned: success
  type: list
  elements: str
  sample: [/etc/containerd/config.toml]
versions:
  description: The installed versions of the packages.
  returned: success
  type: dict
  contains:
    <package>:
      description: Installed version, empty when the package is not installed.
      type: str
  sample: {kubelet: 1.36.3-1.1}
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import service
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.systemd import unit_name
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import plan as package_plan
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.detect import backend_of

REPOSITORY_SPEC = {
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
    "further_uris": {"type": "list", "elements": "str", "default": []},
}
PACKAGE_SPEC = {
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
TRIAL_SPEC = {
    "command": {"type": "list", "elements": "str", "required": True},
    "directory": {"type": "path", "required": True},
}
SERVICE_SPEC = {
    "name": {"type": "str", "required": True},
    "files": SERVICE_FILE_SPEC,
    "enabled": {"type": "bool"},
    "state": {"type": "str", "choices": ["started", "stopped"]},
    "action_on_change": {"type": "str", "choices": ["restart", "reload"], "default": "restart"},
    "socket": {"type": "path"},
    "port": {"type": "int"},
    "further_ports": {"type": "list", "elements": "int", "default": []},
    "timeout": {"type": "float", "default": 60},
    "validate": {"type": "dict", "options": TRIAL_SPEC},
    "brought_by": {"type": "list", "elements": "str", "default": []},
}


_LISTS = ("components", "architectures", "fingerprints", "excludes", "further_uris")


def wished_packages(params: Mapping[str, Any]) -> package_plan.PackagesSpec:
    repository = None
    if params["repository"] is not None:
        given = params["repository"]
        lists = {key: tuple(given[key]) for key in _LISTS}
        repository = package_plan.with_checked_key(package_plan.Repository(**{**given, **lists}))
    wanted = tuple(package_plan.Package(package["name"], package["version"]) for package in params["packages"])
    return package_plan.PackagesSpec(wanted, repository, params["hold"])


def wished_file(file: Mapping[str, Any]) -> service.FileSpec:
    secret = file["secret_content"] is not None
    try:
        mode = int(file["mode"], 8)
    except ValueError as problem:
        raise ClassroomError(
            "Wanted an octal mode such as '0644' for {}, found '{}'. Correct it.".format(file["path"], file["mode"])
        ) from problem
    content = file["secret_content"] if secret else file["content"]
    content = content if file["state"] == "present" else None
    return service.FileSpec(file["path"], content, mode, secret, file.get("action_on_change"), file["force"])


def wished_service(given: Mapping[str, Any]) -> service.ServiceSpec:
    return service.ServiceSpec(
        name=unit_name(given["name"]),
        files=tuple(wished_file(file) for file in given["files"]),
        enabled=given["enabled"],
        state=given["state"],
        on_change=given["action_on_change"],
        socket=given["socket"],
        port=given["port"],
        timeout=given["timeout"],
        further_ports=tuple(given["further_ports"]),
        trial=wished_trial(given["validate"]),
        brought_by=tuple(given["brought_by"]),
    )


def wished_trial(given: Mapping[str, Any] | None) -> service.Trial | None:
    if given is None:
        return None
    return service.Trial(tuple(given["command"]), given["directory"].rstrip("/"))


def install(root: Root, spec: package_plan.PackagesSpec, check_mode: bool) -> tuple[list[Change], dict[str, str]]:
    """What had to be done for the packages, and the versions that are there now."""
    backend = backend_of(root, run, repository=spec.repository)
    files = backend.files(spec)
    state = package_plan.read_state(root, backend, spec, files)
    steps = package_plan.plan(spec, state, files)
    if steps and not check_mode:
        package_plan.apply(root, backend, spec, state, files)
        state = package_plan.read_state(root, backend, spec, files)
    return list(steps), {name: package.version for name, package in state.installed.items()}


def write(root: Root, files: tuple[service.FileSpec, ...], check_mode: bool) -> list[Change]:
    """What had to be done for files that belong to no service."""
    spec = service.ServiceSpec("", files)
    steps = service.plan(spec, service.read_files(root, files))
    if not check_mode:
        service.Performer(root, run).perform(spec, steps)
    return list(steps)


def configure(root: Root, spec: service.ServiceSpec, check_mode: bool) -> list[Change]:
    """What had to be done for one service."""
    state = service.read_state(root, run, spec)
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


def bring_up(module: AnsibleModule) -> None:
    """Packages, then each service; every wish is understood before anything is changed."""
    root = Root()
    spec = wished_packages(module.params)
    files = tuple(wished_file(file) for file in module.params["files"])
    services = [wished_service(given) for given in module.params["services"]]
    steps: list[Change] = []
    versions: dict[str, str] = {}
    if spec.packages:
        steps, versions = install(root, spec, module.check_mode)
    steps += write(root, files, module.check_mode)
    for one in services:
        steps += configure(root, one, module.check_mode)
    module.exit_json(
        changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps), versions=versions,
        changed_files=[step.target for step in steps if step.action == "file"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "dict", "options": REPOSITORY_SPEC},
            "packages": {"type": "list", "elements": "dict", "default": [], "options": PACKAGE_SPEC},
            "hold": {"type": "bool", "default": True},
            "files": FILE_SPEC,
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": SERVICE_SPEC,
                "mutually_exclusive": [("socket", "port")],
            },
        },
        required_one_of=[("packages", "files", "services")],
        supports_check_mode=True,
    )
    try:
        with host_lock.changing(module.check_mode):
            bring_up(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
