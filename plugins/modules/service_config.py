#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_config
short_description: A service that runs with exactly these configuration files
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Writes configuration files, enables the systemd unit that reads them, makes it run with them, and waits until it
    answers.
  - A running service is restarted (or reloaded) when a file changed, and also when one is newer than the running
    process - an earlier run may have been ended between writing and restarting.
  - An error carries the unit's last messages.
attributes:
  check_mode:
    support: full
    description:
      - Can run in check mode and predicts what the real run then does.
      - A unit that is not installed yet is expected to be installed by then.
  diff_mode:
    support: full
    description: Shows the files and says why the service is started, restarted or reloaded.
  idempotent:
    support: full
    description: A second run changes nothing.
options:
  name:
    description: The unit. V(containerd) is short for V(containerd.service).
    type: str
    required: true
  files:
    description:
      - The files that the service reads, also its unit and drop-ins. Missing directories are made.
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
          - Exactly one of O(files[].content) and O(files[].secret_content) is required.
        type: str
      secret_content:
        description: Its whole content, which is never shown.
        type: str
      mode:
        description: Its permission bits, as an octal number in quotes.
        type: str
        default: "0644"
  enabled:
    description:
      - Whether the unit starts at boot. Without it that is left as it is.
      - Units that cannot be enabled, such as static ones, are left alone.
    type: bool
  state:
    description:
      - Whether the unit runs now.
      - Without it the unit is neither started nor stopped, but a running one is still restarted when a file changed.
        That is right for a kubelet, which ends and starts again until kubeadm has given it a configuration.
    type: str
    choices: [started, stopped]
  action_on_change:
    description:
      - What makes a running service read a changed file.
      - A changed unit or drop-in always means a restart.
    type: str
    choices: [restart, reload]
    default: restart
  socket:
    description: The service counts as running once this Unix socket accepts connections.
    type: path
  port:
    description: The service counts as running once this TCP port accepts connections on the loopback address.
    type: int
  timeout:
    description: How many seconds to wait for the socket or port.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: The runtime runs with its configuration
  classroom.kubeadm.service_config:
    name: containerd
    files:
      - path: /etc/containerd/config.toml
        content: "{{ lookup('ansible.builtin.template', 'config.toml.j2') }}"
      - path: /etc/systemd/system/containerd.service.d/10-classroom.conf
        content: |
          [Service]
          LimitNOFILE=1048576
    enabled: true
    state: started
    socket: /run/containerd/containerd.sock

- name: The kubelet is enabled and waits for kubeadm
  classroom.kubeadm.service_config:
    name: kubelet
    enabled: true
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "file /etc/containerd/config.toml: its content is another"
    - "restart containerd.service: /etc/containerd/config.toml changed"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils.command import CommandFailed, run
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils.service import (
    FileWish,
    Performer,
    Wish,
    check,
    plan,
    read_state,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils.steps import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils.systemd import unit_name


def wished_file(file: dict[str, str]) -> FileWish:
    secret = file["secret_content"] is not None
    try:
        mode = int(file["mode"], 8)
    except ValueError as problem:
        raise ClassroomError(
            "Wanted an octal mode such as '0644' for {0}, found '{1}'. Correct it.".format(file["path"], file["mode"])
        ) from problem
    return FileWish(file["path"], file["secret_content"] if secret else file["content"], mode, secret)


def configure(module: AnsibleModule) -> None:
    """Plan, perform unless in check mode, wait, report."""
    params = module.params
    wish = Wish(
        name=unit_name(params["name"]),
        files=tuple(wished_file(file) for file in params["files"]),
        enabled=params["enabled"],
        state=params["state"],
        on_change=params["action_on_change"],
        socket=params["socket"],
        port=params["port"],
        timeout=params["timeout"],
    )
    root = Root()
    state = read_state(root, run, wish)
    steps = plan(wish, state)
    if not module.check_mode:
        check(wish, state)
        performer = Performer(root, run)
        performer.perform(wish, steps)
        if steps or not performer.ready(wish, state.unit):
            performer.wait(wish, acted=any(step.action in ("start", "restart", "reload") for step in steps))
    module.exit_json(changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "secret_content": {"type": "str", "no_log": True},
                    "mode": {"type": "str", "default": "0644"},
                },
                "mutually_exclusive": [("content", "secret_content")],
                "required_one_of": [("content", "secret_content")],
            },
            "enabled": {"type": "bool"},
            "state": {"type": "str", "choices": ["started", "stopped"]},
            "action_on_change": {"type": "str", "choices": ["restart", "reload"], "default": "restart"},
            "socket": {"type": "path"},
            "port": {"type": "int"},
            "timeout": {"type": "float", "default": 60},
        },
        mutually_exclusive=[("socket", "port")],
        supports_check_mode=True,
    )
    try:
        configure(module)
    except (ClassroomError, CommandFailed) as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
