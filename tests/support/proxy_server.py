#!/usr/bin/env python3
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A school's proxy on one of a scenario's machines: proxy_server.py PORT LOGIN LOG.

It lets in who has the login, writes a line "ADDRESS METHOD TARGET" for each of their requests, and knows one outside
world: whatever host is asked for, the package repository here answers plain requests and the registry the tunnels.
"""

from __future__ import annotations

import base64
import http.client
import shutil
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PACKAGES, REGISTRY = ("127.0.0.1", 8080), ("127.0.0.1", 5000)


class Handler(BaseHTTPRequestHandler):
    """One request; `login` and `log` are the command line's."""

    login = ""
    log = Path()

    def _let_in(self) -> bool:
        wanted = "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.headers.get("Proxy-Authorization") == wanted:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{self.client_address[0]} {self.command} {self.path}\n")
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="school"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_GET(self) -> None:
        """A plain request, with the whole address as its target."""
        if not self._let_in():
            return
        connection = http.client.HTTPConnection(*PACKAGES, timeout=30)
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("GET", urlsplit(self.path).path, headers={**headers, "Connection": "close"})
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile)
        self.close_connection = True

    def do_CONNECT(self) -> None:
        """A tunnel."""
        if not self._let_in():
            return
        with socket.create_connection(REGISTRY, timeout=30) as outside:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(outside, self.connection))
            back.start()
            _pass_on(self.connection, outside)
            back.join()
        self.close_connection = True


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(1 << 16)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One of the two is gone, and with it the tunnel
        return


if __name__ == "__main__":
    Handler.login, Handler.log = sys.argv[2], Path(sys.argv[3])
    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
