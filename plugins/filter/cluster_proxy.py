# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the settings of an HTTP(S) proxy for all programs that use it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_proxy
short_description: Render proxy settings for packages, runtime, kubelet and skopeo
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Turns the settings of proxies into environment variables and files, and excludes everything that must never be
    accessed through a proxy.
positional: direct, family
options:
  _input:
    description:
      - C(http) and C(https), the URLs of the proxies (C(https) defaults to C(http)), and C(no_proxy), a list of
        additional names, domains, addresses and networks to access directly.
      - If it is empty, the files must be absent.
    type: dict
    required: true
  direct:
    description: Addresses, names, domains and networks of the cluster to access directly. Empty ones are left out.
    type: list
    elements: str
    required: true
  family:
    description: Family of the distribution. C(debian) adds a file for apt.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the environment of a program that fetches something
  ansible.builtin.debug:
    msg: "{{ ({'http': 'http://proxy:3128'} | classroom.kubeadm.cluster_proxy(['master'], 'debian')).environment }}"
"""

RETURN = r"""
_value:
  description:
    - C(environment), a dictionary with names in upper and lower case, because programs differ in which they read.
    - C(files), for the option C(files) of M(classroom.kubeadm.package_service), with the settings of apt and of login
      shells.
    - C(unit), an entry of the same form for a drop-in of a systemd unit, without its C(path).
    - If a URL contains a login, the files have the mode V(0600), their content is not shown, and there is none for
      login shells.
  type: dict
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

HEADER = "Written by the collection classroom.kubeadm; the next run replaces changes made here."
APT = "/etc/apt/apt.conf.d/50classroom-kubeadm-proxy"
PROFILE = "/etc/profile.d/classroom-kubeadm-proxy.sh"
# Never accessed through a proxy, on any host.
LOCAL = ("localhost", "127.0.0.0/8", "::1")


def cluster_proxy(proxy: Mapping[str, Any], direct: Sequence[str], family: str) -> dict[str, Any]:
    """Return the settings of a proxy that inventory_check has validated; see DOCUMENTATION."""
    http = proxy.get("http") or ""
    https = proxy.get("https") or http
    secret = any("@" in urlsplit(url).netloc for url in (http, https))
    excluded = list(dict.fromkeys(filter(None, [*LOCAL, *direct, *proxy.get("no_proxy", ())])))
    values = {"HTTP_PROXY": http, "HTTPS_PROXY": https, "NO_PROXY": ",".join(excluded)}
    upper = {name: value for name, value in values.items() if value} if proxy else {}
    environment = {**upper, **{name.lower(): value for name, value in upper.items()}}
    return {
        "environment": environment,
        "files": [
            {"path": APT, **_file(_apt(http, https, excluded) if proxy and family == "debian" else "", secret)},
            {"path": PROFILE, **_file(_profile(environment) if proxy and not secret else "", secret)},
        ],
        "unit": _file(_unit(upper) if proxy else "", secret),
    }


def _file(text: str, secret: bool) -> dict[str, str]:
    if not text:
        return {"state": "absent"}
    return {"secret_content": text, "mode": "0600"} if secret else {"content": text}


def _profile(environment: Mapping[str, str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    return "# {}\n{}".format(HEADER, "".join(lines))


def _unit(environment: Mapping[str, str]) -> str:
    """Return a drop-in with the escapes of systemd.exec(5) for percent signs, backslashes and quotes."""
    lines = []
    for name, value in environment.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
        lines.append(f'Environment="{name}={escaped}"\n')
    return "# {}\n[Service]\n{}".format(HEADER, "".join(lines))


def _apt(http: str, https: str, excluded: Sequence[str]) -> str:
    """Return the settings of apt, which supports exceptions for single hosts only."""
    lines = ["// " + HEADER]
    for scheme, url in (("http", http), ("https", https)):
        if url:
            lines.append(f'Acquire::{scheme}::Proxy "{url}";')
            lines += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in excluded if _is_host(host)]
    return "\n".join(lines) + "\n"


def _is_host(name: str) -> bool:
    """Return whether apt accepts a name as an exception; a colon, as in an IPv6 address, is apt's own separator."""
    return "/" not in name and not name.startswith((".", "*")) and ":" not in name


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"cluster_proxy": cluster_proxy}
