# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan what has to be copied, by comparing locked images with the destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.plan import Change
from . import manifest as image_manifest
from .lock import Entry
from .manifest import ALL, Manifest
from .reference import Reference

PRESENT, COPIED, MISSING, DIFFERENT, FAILED = "present", "copied", "missing", "different", "failed"


@dataclass(frozen=True)
class Found:
    """An image in the destination: the digest of its name (empty: none), its size in bytes, messages on its defects."""

    digest: str = ""
    size: int = 0
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The parts of an image to copy: `tops` are copied unchanged, `top` gets the name of the image.

    They differ only if some platforms of a list are desired: then `top` is a new list of these. `parts` are all
    manifests, listed ones before the list.
    """

    top: Manifest
    tops: tuple[Manifest, ...]
    parts: tuple[Manifest, ...]

    @property
    def size(self) -> int:
        """Return the size of all parts in bytes."""
        return image_manifest.size(self.parts)


@dataclass(frozen=True)
class Result:
    """The result for an image. `digest` is the actual or desired one in the destination; `size` is in bytes."""

    reference: str
    source: str
    digest: str
    size: int
    seconds: float
    state: str
    error: str = ""


Read = Callable[[str], "Manifest | None"]


def chosen(read: Read, whole: Manifest, image: Reference, platforms: Sequence[str]) -> Choice:
    """Return what to copy of an image that was resolved to `whole`.

    An image that is no list is copied unchanged. So is one that is requested by digest, since the copy must have this
    digest.
    """
    if not whole.is_list or image.digest or tuple(platforms) == (ALL,):
        return Choice(whole, (whole,), _closure(read, whole))
    entries = image_manifest.choose(whole, platforms)
    if entries == whole.entries and len(entries) > 1:
        return Choice(whole, (whole,), _closure(read, whole))
    tops = tuple(_present(read, entry.digest) for entry in entries)
    parts = tuple(dict.fromkeys(part for top in tops for part in _closure(read, top)))
    if len(tops) == 1:
        return Choice(tops[0], tops, parts)
    top = image_manifest.reduced(whole, entries)
    return Choice(top, tops, (*parts, top))


def located(
    read: Read, entry: Entry, image: Reference, platforms: Sequence[str], named: Callable[[], str]
) -> Choice:
    """Return what to copy of a locked image.

    A source that is a copy itself has only the copied content, upstream has the original list. `named` returns the
    current digest of the tag, for the message. Raises ClassroomError if the source has no longer the locked digest.
    """
    top = read(entry.copied)
    if top is not None:
        return Choice(top, (top,), _closure(read, top))
    whole = read(entry.resolved)
    if whole is None:
        now = named()
        raise ClassroomError(
            "expected the locked digest {}, found {}. {}".format(
                entry.resolved,
                f"that the tag is {now} now and the locked one is gone" if now else "no such image",
                "Name the image in the option update if the new one is right" if now
                else "Check that the source has it under this name"))
    choice = chosen(read, whole, image, platforms)
    if choice.top.digest != entry.copied:
        raise ClassroomError(
            f"expected the locked digest {entry.copied}, found that {entry.resolved} has {choice.top.digest} for these "
            "platforms. Name the image in the option update if that is right")
    return choice


def state_of(wanted: Entry | None, found: Found) -> tuple[str, str]:
    """Return the state of an image in the destination, with the reason unless it is present."""
    if wanted is None:
        return MISSING, "it is not locked yet"
    if not found.digest:
        return MISSING, found.lacking[0] if found.lacking else "it is missing"
    if found.digest != wanted.copied:
        return DIFFERENT, "another image is under its name"
    if found.lacking:
        more = len(found.lacking) - 1
        return DIFFERENT, found.lacking[0] + (f" and {more} more" if more else "")
    return PRESENT, ""


def steps(entries: Mapping[str, Entry], locked: Mapping[str, Entry], found: Mapping[str, Found]) -> list[Change]:
    """Return the planned changes: lines of the lock, then images in the destination."""
    plan = []
    for name in sorted({*entries, *locked}):
        before, after = locked.get(name), entries.get(name)
        if before != after:
            reason = "the option update names it" if before else "resolved for the first time"
            plan.append(Change("locked digest", name, before.resolved if before else "absent",
                               after.resolved if after else "absent", reason))
    for name, seen in sorted(found.items()):
        state, reason = state_of(entries[name], seen)
        if state != PRESENT:
            plan.append(Change("image", name, seen.digest or "absent", entries[name].copied, reason))
    return plan


def _closure(read: Read, top: Manifest) -> tuple[Manifest, ...]:
    known = {top.digest: top}
    return image_manifest.closure(lambda digest: known.get(digest) or _present(read, digest), top.digest)


def _present(read: Read, digest: str) -> Manifest:
    found = read(digest)
    if found is None:
        raise ClassroomError(f"expected the manifest {digest} of its list, found none at the source")
    return found
