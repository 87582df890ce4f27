# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run skopeo to copy images, and explain its error messages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError

# Seconds between two checks of the progress of a copy
LOOK = 1.0
# Bytes; fewer within the timeout count as no progress, since wake-ups of Go's runtime are some bytes
STILL = 4096

_MESSAGE = re.compile(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"')
_NOT_FOUND = "it is missing"

# Explanations of skopeo's messages: pattern, text, whether another attempt is useless
_MEANINGS = (
    ("no space left on device|disk quota exceeded", "the disk is full", True),
    ("x509:|tls: failed to verify|certificate signed by", "the registry's certificate is not trusted", True),
    ("server gave HTTP response to HTTPS client", "the registry does not use TLS", True),
    ("trust policy|policy.json", "there is no /etc/containers/policy.json, or it forbids this image", True),
    ("manifest unknown|name unknown|not found|no such file", _NOT_FOUND, True),
    ("unauthorized|authentication required|denied|forbidden|invalid username",
     "the registry requires other credentials", True),
    ("toomanyrequests|too many requests|status code 429", "the registry limits the number of requests", False),
    ("digest did not match|does not match|mismatch", "the content does not match its digest", False),
    ("connection refused|no such host|no route to host", "the registry is unreachable", False),
)


@dataclass(frozen=True)
class End:
    """One end of a copy: its name for skopeo, and its options without the prefixes src and dest."""

    name: str
    options: tuple[str, ...] = ()


class SkopeoFailed(ClassroomError):
    """A failed copy; `lasting` if another attempt would fail in the same way."""

    def __init__(self, message: str, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


def copy(
    source: End, target: End, *, whole: bool, same_digest: bool, timeout: float, cwd: str | None = None,
    moved: Callable[[int], None] = lambda size: None,
) -> None:
    """Copy an image, or with `whole` all images of a list; raise SkopeoFailed.

    A copy without progress for `timeout` seconds is ended. Its whole time is not limited, since an image may take an
    hour on a slow line. `moved` is called every second with the number of written bytes. The copy is killed when this
    process ends.
    """
    argv = ["skopeo", "copy", "--quiet", "--remove-signatures"]
    argv += ["--all"] if whole else []
    argv += ["--preserve-digests"] if same_digest else []
    argv += ["--src-" + option for option in source.options] + ["--dest-" + option for option in target.options]
    _run([*argv, source.name, target.name], timeout, cwd, moved)


def raw_manifest(source: End, timeout: float) -> bytes:
    """Return the unchanged bytes of an image's manifest; raise SkopeoFailed."""
    options = ["--" + option for option in source.options]
    return _run(["skopeo", "inspect", "--raw", *options, source.name], timeout, None, lambda size: None)


def explained(text: str) -> tuple[str, bool]:
    """Return an explanation of skopeo's output, and whether another attempt is useless."""
    messages = _MESSAGE.findall(text)
    told = messages[-1].replace('\\"', '"').replace("\\n", " ") if messages else text.strip()[-500:]
    for pattern, words, lasting in _MEANINGS:
        if re.search(pattern, told, re.IGNORECASE):
            return f"{words} (skopeo: {told})", lasting
    return "skopeo: {}".format(told or "no message"), False


def is_missing(problem: SkopeoFailed) -> bool:
    """Return whether a copy failed because the image does not exist."""
    return str(problem).startswith(_NOT_FOUND)


def _run(argv: Sequence[str], timeout: float, cwd: str | None, moved: Callable[[int], None]) -> bytes:
    if not shutil.which("skopeo"):
        raise SkopeoFailed("skopeo is not installed on this host: install the package skopeo", True)
    # A killed run must not leave copies that continue during the next run
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen(
        [*guard, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
        env=dict(os.environ, LC_ALL="C.UTF-8"))
    try:
        out, err = _watched(process, timeout, moved)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise SkopeoFailed(*explained(err.decode("utf-8", "replace")))
    return out


def _watched(
    process: subprocess.Popen[bytes], timeout: float, moved: Callable[[int], None]
) -> tuple[bytes, bytes]:
    """Wait for a process while it makes progress, and return both of its outputs."""
    seen, still = 0, 0.0
    while True:
        try:
            return process.communicate(timeout=LOOK)
        except subprocess.TimeoutExpired:
            traffic = _traffic(process.pid)
            if traffic is None:
                # Without this information no lack of progress can be determined
                continue
            moved(traffic[1])
            if sum(traffic) > seen + STILL:
                seen, still = sum(traffic), 0.0
                continue
            still += LOOK
            if still >= timeout:
                raise SkopeoFailed(f"no data was transferred for {timeout:g} s", False) from None


def _traffic(pid: int) -> tuple[int, int] | None:
    """Return the bytes that a process has read and written (files and network), None if they are not available."""
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as stream:
            counters = dict(line.split(": ") for line in stream.read().splitlines())
    except (OSError, ValueError):
        return None
    return int(counters["rchar"]), int(counters["wchar"])
