# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""skopeo: it moves an image's blobs, and says in the words of its log why it could not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError

# Seconds between two looks at what a copy has moved
LOOK = 1.0
# Less than this in the whole time that a copy may stand still is standing still: Go's own wake-ups are some bytes
STILL = 4096

_MESSAGE = re.compile(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"')
_NOT_FOUND = "it is not there"

# What skopeo's messages mean: pattern, words, whether another attempt is pointless
_MEANINGS = (
    ("no space left on device|disk quota exceeded", "the disk is full", True),
    ("x509:|tls: failed to verify|certificate signed by", "the registry's certificate is not trusted", True),
    ("server gave HTTP response to HTTPS client", "the registry speaks without TLS", True),
    ("trust policy|policy.json", "there is no /etc/containers/policy.json, or it forbids this image", True),
    ("manifest unknown|name unknown|not found|no such file", _NOT_FOUND, True),
    ("unauthorized|authentication required|denied|forbidden|invalid username", "the registry wants other credentials",
     True),
    ("toomanyrequests|too many requests|status code 429", "the registry lets no more through", False),
    ("digest did not match|does not match|mismatch", "the content is not what its digest says", False),
    ("connection refused|no such host|no route to host", "the registry does not answer", False),
)


@dataclass(frozen=True)
class End:
    """One end of a copy: skopeo's name for it, and its options without the words src and dest."""

    name: str
    options: tuple[str, ...] = ()


class SkopeoFailed(ClassroomError):
    """A copy that did not succeed; `lasting` if another attempt would end in the same way."""

    def __init__(self, message: str, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


def copy(
    source: End, target: End, *, whole: bool, same_digest: bool, patience: float, cwd: str | None = None,
    moved: Callable[[int], None] = lambda size: None,
) -> None:
    """Copy an image, or with `whole` all images of a list.

    A copy that moves nothing for `patience` seconds is ended: its whole time says nothing, on a slow line an image
    may take an hour. `moved` is told every second how many bytes were written. The copy dies with this process.
    """
    argv = ["skopeo", "copy", "--quiet", "--remove-signatures"]
    argv += ["--all"] if whole else []
    argv += ["--preserve-digests"] if same_digest else []
    argv += ["--src-" + option for option in source.options] + ["--dest-" + option for option in target.options]
    _run([*argv, source.name, target.name], patience, cwd, moved)


def raw_manifest(source: End, patience: float) -> bytes:
    """The manifest of an image, byte by byte."""
    options = ["--" + option for option in source.options]
    return _run(["skopeo", "inspect", "--raw", *options, source.name], patience, None, lambda size: None)


def explained(text: str) -> tuple[str, bool]:
    """What skopeo's output means in words, and whether another attempt is pointless."""
    messages = _MESSAGE.findall(text)
    told = messages[-1].replace('\\"', '"').replace("\\n", " ") if messages else text.strip()[-500:]
    for pattern, words, lasting in _MEANINGS:
        if re.search(pattern, told, re.IGNORECASE):
            return f"{words} (skopeo: {told})", lasting
    return "skopeo: {}".format(told or "no message"), False


def is_missing(problem: SkopeoFailed) -> bool:
    return str(problem).startswith(_NOT_FOUND)


def _run(argv: Sequence[str], patience: float, cwd: str | None, moved: Callable[[int], None]) -> bytes:
    if not shutil.which("skopeo"):
        raise SkopeoFailed("skopeo is not on this machine; install the package skopeo", True)
    # A run that was killed must not leave copies behind that go on beside the next run
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen(
        [*guard, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
        env=dict(os.environ, LC_ALL="C.UTF-8"))
    try:
        out, err = _watched(process, patience, moved)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise SkopeoFailed(*explained(err.decode("utf-8", "replace")))
    return out


def _watched(
    process: subprocess.Popen[bytes], patience: float, moved: Callable[[int], None]
) -> tuple[bytes, bytes]:
    """Both outputs of a process that goes on moving bytes."""
    seen, still = 0, 0.0
    while True:
        try:
            return process.communicate(timeout=LOOK)
        except subprocess.TimeoutExpired:
            traffic = _traffic(process.pid)
            if traffic is None:
                # Where nobody can tell, nobody is accused of standing still
                continue
            moved(traffic[1])
            if sum(traffic) > seen + STILL:
                seen, still = sum(traffic), 0.0
                continue
            still += LOOK
            if still >= patience:
                raise SkopeoFailed(f"nothing came or went for {patience:g} s", False) from None


def _traffic(pid: int) -> tuple[int, int] | None:
    """Bytes that a process has read and written, files and network alike; None where the system does not say."""
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as stream:
            counters = dict(line.split(": ") for line in stream.read().splitlines())
    except (OSError, ValueError):
        return None
    return int(counters["rchar"]), int(counters["wchar"])
