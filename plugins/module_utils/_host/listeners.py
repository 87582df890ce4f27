# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the program that listens on a TCP port, from /proc alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from glob import iglob

from .._core.files import Root, read_text

_LISTENING = "0A"
# Registries of container images of all vendors send this header
_REGISTRY_HEADER = "Docker-Distribution-Api-Version"
_TIMEOUT = 2.0


@dataclass(frozen=True)
class ServicePorts:
    """Ports of which each may be free, or be used by one of these units, and a directory that must not exist."""

    units: tuple[str, ...]
    ports: tuple[int, ...]
    unused: str = ""


def problems(root: Root, services: Sequence[ServicePorts]) -> list[str]:
    """Return a message for each port of a service that another program has, and for data of another registry."""
    found = []
    for service in services:
        for port in service.ports:
            program = foreign_listener(root, port, *service.units)
            if program is not None:
                what = "another registry" if is_registry(port) else "another program"
                found.append(
                    f"Port {port} is in use: expected it free for {service.units[0]}, found {what}, '{program}', "
                    "listening on it. Stop that program, or choose another port.")
        if service.unused and os.path.exists(root(service.unused)):
            found.append(
                f"Another registry has images on this host: expected {service.units[-1]} unused or not installed, "
                f"found {service.unused}. Choose another source of the registry or another host, or remove the images.")
    return found


def is_registry(port: int) -> bool:
    """Return whether a registry of container images responds at a local port, with or without TLS."""
    # Only for a port that is in use, because these modules take longer to import than all others
    import http.client
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only its kind is of interest, and nothing is sent to it
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for client in (http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT),
                   http.client.HTTPSConnection("127.0.0.1", port, timeout=_TIMEOUT, context=context)):
        try:
            client.request("GET", "/v2/")
            if client.getresponse().getheader(_REGISTRY_HEADER):
                return True
        except (OSError, http.client.HTTPException):
            continue
        finally:
            client.close()
    return False


def listener(root: Root, port: int) -> str | None:
    """Return the program that listens on the port, `unknown` when its process is not visible, None for a free port."""
    found = _process(root, port)
    return None if found is None else _name(found)


def foreign_listener(root: Root, port: int, *units: str) -> str | None:
    """Return the same, but None for a program of these systemd units, which its control group identifies."""
    found = _process(root, port)
    if found is None:
        return None
    # The control group of a container is below that of the unit that runs it
    parts = {part for line in (read_text(os.path.join(found, "cgroup")) or "").splitlines() for part in line.split("/")}
    return None if parts & set(units) else _name(found)


def _name(process: str) -> str:
    return (read_text(os.path.join(process, "comm")) or "unknown").strip()


def _process(root: Root, port: int) -> str | None:
    """Return the /proc directory of the process that listens on the port; one that does not exist if it is hidden."""
    inodes = _listening_inodes(root, port)
    if not inodes:
        return None
    # Last, because reading the open files of every process takes longer than the rest of a preflight.
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for link in iglob(root("/proc/[0-9]*/fd/*")):
        try:
            if os.readlink(link) in wanted:
                return os.path.dirname(os.path.dirname(link))
        except OSError:
            continue  # the process ended, or closed the file, meanwhile
    return root("/proc/unknown")


def _listening_inodes(root: Root, port: int) -> set[str]:
    suffix = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read_text(root(table)) or "").splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(suffix) and fields[3] == _LISTENING:
                inodes.add(fields[9])
    return inodes
