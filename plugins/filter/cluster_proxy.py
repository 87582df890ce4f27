# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One declaration of an HTTP(S) proxy in the words of everybody who has to know it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_proxy
short_description: A proxy for packages, runtime, kubelet and skopeo
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Turns a declaration of proxies into environment variables and files, with everything excluded that must never be
    reached through a proxy.
positional: direct, family
options:
  _input:
    description:
      - C(http) and C(https), the URLs of the proxies (without C(https) it is that of C(http)), and C(no_proxy), a list
        of further names, domains, addresses and networks that are reached directly.
      - When it is empty the files are to be absent.
    type: dict
    required: true
  direct:
    description: Addresses, names, domains and networks of the cluster; empty ones are left out.
    type: list
    elements: str
    required: true
  family:
    description: C(debian) for a file of apt's as well.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The environment of a program that fetches something
  ansible.builtin.debug:
    msg: "{{ ({'http': 'http://proxy:3128'} | classroom.kubeadm.cluster_proxy(['master'], 'debian')).environment }}"
"""

RETURN = r"""
_value:
  description:
    - C(environment), a dictionary in upper and lower case, since programs differ in which they read.
    - C(files), for the option C(files) of M(classroom.kubeadm.package_service), what a person at the machine needs.
    - C(unit), the same for a drop-in of a systemd unit, without its C(path).
    - Where a URL has a login, files are for root alone, are not shown, and there is none for login shells.
  type: dict
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

HEADER = "Written by the collection classroom.kubeadm; the next run replaces changes made here."
APT = "/etc/apt/apt.conf.d/50classroom-kubeadm-proxy"
PROFILE = "/etc/profile.d/classroom-kubeadm-proxy.sh"
# Never through a proxy on any machine
LOCAL = ("localhost", "127.0.0.0/8", "::1")


def cluster_proxy(proxy: Mapping[str, Any], direct: Sequence[str], family: str) -> dict[str, Any]:
    """See DOCUMENTATION; the declaration was judged by inventory_check."""
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
    """As systemd.exec(5) has it: % begins a specifier, a backslash and a quote are escaped."""
    lines = []
    for name, value in environment.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
        lines.append(f'Environment="{name}={escaped}"\n')
    return "# {}\n[Service]\n{}".format(HEADER, "".join(lines))


def _apt(http: str, https: str, excluded: Sequence[str]) -> str:
    """apt knows exceptions for single hosts only; a network is none."""
    lines = ["// " + HEADER]
    for scheme, url in (("http", http), ("https", https)):
        if url:
            lines.append(f'Acquire::{scheme}::Proxy "{url}";')
            lines += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in excluded if _is_host(host)]
    return "\n".join(lines) + "\n"


def _is_host(name: str) -> bool:
    """A colon would be taken for apt's own separator; whoever has a repository at an IPv6 address gives it a name."""
    return "/" not in name and not name.startswith((".", "*")) and ":" not in name


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"cluster_proxy": cluster_proxy}
