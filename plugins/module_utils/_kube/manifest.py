# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a manifest with a cluster, and apply it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._core.command import Completed
from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .kubectl import ApiUnreachable, Kubectl

FIELD_MANAGER = "classroom.kubeadm"

# Errors for a namespace or kind that the same manifest, or an earlier step, is about to create
_NOT_YET = re.compile(r'namespaces "([^"]+)" not found|no matches for kind "([^"]+)"')
_CONFLICT = re.compile(r"conflict", re.IGNORECASE)
# Name of an object's file in `kubectl diff`: [GROUP.]VERSION.KIND.NAMESPACE.NAME
_HEADER = re.compile(r"^diff .* \S*/(\S+)$")
_KIND = re.compile(r"^kind:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_NAME = re.compile(r"^metadata:(?:[ \t]*\{|\n(?:[ \t]+.*\n)*?[ \t]+)name:[ \t]*[\"']?([\w.:-]+)", re.MULTILINE)
_PATHS = re.compile(r"^(---|\+\+\+) ")


@dataclass(frozen=True)
class Rollout:
    """A workload whose rollout has to be complete after its manifest was applied."""

    kind: str
    name: str
    namespace: str = "default"

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name} in {self.namespace}"


@dataclass(frozen=True)
class Difference:
    """The difference between cluster and manifest, as texts for Ansible's diff; `objects` are the affected ones."""

    reason: str = ""
    objects: tuple[str, ...] = ()
    before: str = ""
    after: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason)

    def as_diff(self) -> dict[str, str]:
        if not self:
            return {"before": "", "after": ""}
        return {"before": self.before, "after": f"# {self.reason}\n{self.after}"}


@dataclass(frozen=True)
class Manifest:
    """A manifest: its text, or a path that kubectl reads. `force` overrides the fields of other managers."""

    text: str = ""
    path: str = ""
    force: bool = True

    def arguments(self) -> list[str]:
        arguments = ["--server-side", "--field-manager", FIELD_MANAGER, "-f", self.path or "-"]
        return [*arguments, "--force-conflicts"] if self.force else arguments

    @property
    def stdin(self) -> str | None:
        return None if self.path else self.text


def difference(kubectl: Kubectl, manifest: Manifest, *, predict: bool) -> Difference:
    """Return what applying would change, as computed by the API server. Raises ClassroomError.

    With `predict` (check mode), an API server that does not exist yet is a reason for a change instead of an error.
    """
    reason = kubectl.missing()
    if reason:
        if predict:
            return unknown(manifest, reason)
        raise ClassroomError(reason)
    completed = kubectl.attempt("diff", *manifest.arguments(), stdin=manifest.stdin, timeout=60)
    if completed.rc == 0:
        return Difference()
    if completed.rc == 1:
        return read_diff(completed.out)
    lacking = _NOT_YET.search(completed.err)
    if lacking:
        return unknown(manifest, "{} is not in the cluster yet".format(
            "namespace " + lacking.group(1) if lacking.group(1) else "kind " + lacking.group(2)
        ))
    failure = _failure(kubectl, "diff", manifest, completed)
    if predict and isinstance(failure, ApiUnreachable):
        return unknown(manifest, str(failure))
    raise failure


def apply(kubectl: Kubectl, manifest: Manifest, *, timeout: float, pause: float = 0.5) -> None:
    """Apply a manifest. Repeat this while a kind or namespace of the manifest itself is not served yet.

    `timeout` and `pause` are in seconds. Raises ClassroomError.
    """
    deadline = Deadline(timeout, pause)
    while True:
        completed = kubectl.attempt("apply", *manifest.arguments(), stdin=manifest.stdin, timeout=max(timeout, 60))
        if completed.rc == 0:
            return
        if not _NOT_YET.search(completed.err) or deadline.expired:
            raise _failure(kubectl, "apply", manifest, completed)
        deadline.pause()


def await_rollouts(kubectl: Kubectl, rollouts: Sequence[Rollout], timeout: float) -> None:
    """Wait until all rollouts are complete. They run in parallel, so one `timeout` in seconds is for all of them."""
    deadline = Deadline(timeout)
    for rollout in rollouts:
        left = max(deadline.remaining, 1)
        completed = kubectl.attempt(
            "rollout", "status", f"{rollout.kind.lower()}/{rollout.name}",
            "--namespace", rollout.namespace, "--timeout", f"{left:.0f}s", timeout=left + 10,
        )
        if completed.rc != 0:
            raise ClassroomError(
                f"A rollout is not complete: expected {rollout} within {timeout:g} s, found: {_last_line(completed)}. "
                f"Find the reason with 'kubectl -n {rollout.namespace} describe pods'."
            )


def read_diff(text: str) -> Difference:
    """Split the output of `kubectl diff` into before and after, without its temporary paths and times."""
    objects: list[str] = []
    before: list[str] = []
    after: list[str] = []
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header:
            objects.append(header.group(1))
            before.append("## " + objects[-1])
            after.append("## " + objects[-1])
        elif not _PATHS.match(line):
            _sort_line(line, before, after)
    return Difference(
        reason="the cluster differs from the manifest in {}".format(", ".join(objects) or "some object"),
        objects=tuple(objects), before=_lines(before), after=_lines(after),
    )


def unknown(manifest: Manifest, reason: str) -> Difference:
    """Return a difference that exists although the API server cannot show it."""
    objects = tuple(object_names(manifest.text))
    listed = ["## " + name for name in objects or [manifest.path or "objects of the manifest"]]
    return Difference(reason=reason, objects=objects, after=_lines(listed))


def object_names(text: str) -> list[str]:
    """Return KIND.NAME of the documents of a manifest, as far as they are in plain block style.

    Only for display: managed hosts have no YAML parser, and kubectl's needs an API server. The content is not shown,
    because Secrets in it are not masked.
    """
    names = []
    for document in re.split(r"^---.*$", text, flags=re.MULTILINE):
        kind = _KIND.search(document)
        name = _NAME.search(document)
        if kind:
            names.append(f"{kind.group(1)}.{name.group(1)}" if name else kind.group(1))
    return names


def _sort_line(line: str, before: list[str], after: list[str]) -> None:
    """Add one line of a unified diff to the matching sides; a line with positions belongs to neither."""
    if line.startswith("@@"):
        return
    if not line.startswith("+"):
        before.append(line[1:])
    if not line.startswith("-"):
        after.append(line[1:])


def _lines(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _last_line(completed: Completed) -> str:
    lines = completed.text.splitlines()
    return lines[-1].rstrip(".") if lines else f"exit status {completed.rc}"


def _failure(kubectl: Kubectl, verb: str, manifest: Manifest, completed: Completed) -> ClassroomError:
    if _CONFLICT.search(completed.err) and not manifest.force:
        return ClassroomError(
            "The manifest conflicts with another field manager: expected to own the fields that it sets, found: "
            f"{completed.text.rstrip('.')}. Remove those fields from the manifest, or set force_conflicts."
        )
    return kubectl.failure("{} -f {}".format(verb, manifest.path or "-"), completed)
