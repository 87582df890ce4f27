# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is asked for the images of a registry, in the words of containerd and in those of podman, buildah and skopeo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleFilterError

from ansible_collections.classroom.kubeadm.plugins.module_utils._images.reference import ADDRESSES

_HEADER = "# Managed by the collection classroom.kubeadm; the next run replaces changes made here."

Mirrors = Mapping[str, Sequence[str]]


def containerd_hosts(
    mirrors: Mirrors, authorities: Mapping[str, str] | None = None, upstream: bool = True,
) -> dict[str, str]:
    """The text of hosts.toml for each registry.

    `mirrors` has the URLs that are asked for a registry, in this order, `authorities` the path of a CA's certificate
    for some of these URLs. The registry itself is asked last, or never if `upstream` is false.
    """
    return {
        registry: "\n".join([_HEADER, *_hosts(registry, _checked(registry, urls), authorities or {}, upstream)]) + "\n"
        for registry, urls in mirrors.items()
    }


def registries_conf(
    mirrors: Mirrors, search: Sequence[str], short_names: str, upstream: bool = True,
) -> str:
    """The text of a file for registries.conf.d: the same mirrors, and what a name without a registry means."""
    lines = [
        _HEADER,
        "unqualified-search-registries = [{}]".format(", ".join(json.dumps(name) for name in search)),
        f"short-name-mode = {json.dumps(short_names)}",
    ]
    for registry, urls in mirrors.items():
        places = [_place(url) for url in _checked(registry, urls)]
        # The last one is what these tools call the registry's location, the others stand before it
        location, insecure = (registry, False) if upstream else places.pop()
        lines += ["", "[[registry]]", "prefix = " + json.dumps(registry), *_location(location, insecure)]
        for place, plain in places:
            lines += ["", "[[registry.mirror]]", *_location(place, plain)]
    return "\n".join(lines) + "\n"


def _hosts(registry: str, urls: Sequence[str], authorities: Mapping[str, str], upstream: bool) -> list[str]:
    lines: list[str] = []
    before = list(urls)
    if upstream:
        lines.append("server = " + json.dumps("https://" + ADDRESSES.get(registry, registry)))
    else:
        last = before.pop()
        lines += ["server = " + json.dumps(last), *_capabilities(last, authorities)]
    for url in before:
        lines += ["", f"[host.{json.dumps(url)}]", *_capabilities(url, authorities)]
    return lines


def _capabilities(url: str, authorities: Mapping[str, str]) -> list[str]:
    lines = ['capabilities = ["pull", "resolve"]']
    if url in authorities:
        lines.append("ca = " + json.dumps(authorities[url]))
    return lines


def _checked(registry: str, urls: Sequence[str]) -> Sequence[str]:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise AnsibleFilterError(
                f"A mirror of {registry} is invalid: expected a URL such as https://192.168.90.10:5000, found '{url}'. "
                "Correct it.")
    if isinstance(urls, str) or not urls:
        raise AnsibleFilterError(
            f"The mirrors of {registry} are invalid: expected a list of URLs, found '{urls}'. Add a URL, or remove the "
            "registry.")
    return urls


def _place(url: str) -> tuple[str, bool]:
    parts = urlsplit(url)
    return parts.netloc + parts.path.rstrip("/"), parts.scheme == "http"


def _location(place: str, insecure: bool) -> list[str]:
    return ["location = " + json.dumps(place), *(["insecure = true"] if insecure else [])]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"containerd_hosts": containerd_hosts, "registries_conf": registries_conf}
