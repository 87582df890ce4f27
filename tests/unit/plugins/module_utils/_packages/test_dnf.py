# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dnf and rpm: what their databases say, how they are called, what their errors mean (dnf 4.14, 4.23 and 5.2)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import dnf as packages_rpm
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.dnf import HISTORY, Dnf
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import (
    Installed,
    Package,
    PackagesSpec,
    Purged,
    Repository,
)
from tests.unit.support.made_up_keys import made_up_key

PATH = "/etc/yum.repos.d/classroom.repo"
CLASSROOM = Repository("classroom", "http://192.168.90.10/rpm", made_up_key("classroom"))
SPEC = PackagesSpec((Package("kubelet", "1.36.3"), Package("kubectl", "1.36.3"), Package("socat")), CLASSROOM)
KUBELET = ("kubelet", "1.36.3-1.1")


def row(name: str, version: str, installed: int = 100, architecture: str = "x86_64") -> str:
    return "\t".join((name, version, architecture, str(installed))) + "\n"


class Rpm:
    """rpm's database and whatever else is asked; answers what is queried, remembers what is done."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.calls: list[list[str]] = []
        self.answers: dict[str, list[Completed]] = {}

    def on(self, word: str, rc: int = 0, out: str = "", err: str = "") -> Rpm:
        self.answers.setdefault(word, []).append(Completed(rc, out, err))
        return self

    @property
    def done(self) -> list[str]:
        return [" ".join(call) for call in self.calls if "--query" not in call]

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        self.calls.append(list(argv))
        for word, answers in self.answers.items():
            if word in argv:
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if check and answer.rc:
                    raise CommandFailed(argv, answer)
                return answer
        if "--query" in argv:
            wanted = argv[argv.index("--") + 1 :] if "--" in argv else []
            found = [line for line in self.rows if not wanted or line.split("\t")[0] in wanted]
            missing = [name for name in wanted if not any(line.startswith(name + "\t") for line in self.rows)]
            text = "".join(found) + "".join(f"package {name} is not installed\n" for name in missing)
            return Completed(len(missing), text, "")
        return Completed(0, "", "")


@pytest.fixture
def rpm() -> Rpm:
    return Rpm()


def dnf(machine: Any, rpm: Rpm, repository: Repository | None = CLASSROOM) -> Dnf:
    return Dnf(machine.root, rpm, lambda seconds: None, repository)


def history(machine: Any, *items: tuple[str, int, str, str, int], end: int = 0, state: int = 0) -> None:
    """dnf 4's history of one transaction; items are name, epoch, version, release, action."""
    path = machine.write(HISTORY, "")
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE trans (id INTEGER, dt_end INTEGER, state INTEGER);"
            "CREATE TABLE trans_item (trans_id INTEGER, item_id INTEGER, action INTEGER);"
            "CREATE TABLE rpm (item_id INTEGER, name TEXT, epoch INTEGER, version TEXT, release TEXT);")
        database.execute("INSERT INTO trans VALUES (1, 1795271164, 1)")
        database.execute("INSERT INTO trans VALUES (2, ?, ?)", (end, state))
        for number, (name, epoch, version, release, action) in enumerate(items):
            database.execute("INSERT INTO trans_item VALUES (2, ?, ?)", (number, action))
            database.execute("INSERT INTO rpm VALUES (?, ?, ?, ?, ?)", (number, name, epoch, version, release))
        database.commit()


def repository_text(*lines: str) -> str:
    return "\n".join(("[classroom]", "name=x", *lines)) + "\n"


@pytest.mark.parametrize(("text", "held"), [
    (None, False),
    (repository_text(), False),
    (repository_text("exclude=kubelet kubectl"), True),
    (repository_text("excludepkgs=kubectl,kubelet"), True),
    (repository_text("exclude=kube*"), True),
    (repository_text("exclude=kubectl", "  kubelet"), True),
    (repository_text("exclude=kubelet-extra"), False),
    ("[other]\nexclude=kubelet\n", False),
    ("garbage\n", False),
])
def test_one_query_says_what_is_installed_and_the_file_what_is_held(
    machine: Any, rpm: Rpm, text: str | None, held: bool,
) -> None:
    rpm.rows = [row(*KUBELET), row("containerd", "1:2.4.2-1.el9")]
    if text is not None:
        machine.write(PATH, text)
    found = dnf(machine, rpm).read(["kubelet", "containerd", "absent"])
    assert found == ({"kubelet": Installed("1.36.3-1.1", held), "containerd": Installed("1:2.4.2-1.el9", False)}, False)
    assert len(rpm.calls) == 1


@pytest.mark.parametrize("version", ["1.36.3-1.1", "1.36.3-150500.1.1"])
def test_a_release_does_not_matter_unless_it_was_wanted(version: str) -> None:
    assert Package("kubelet", "1.36.3").accepts(version)


@pytest.mark.parametrize(("rc", "err"), [
    (127, "rpm: command not found"), (1, "error: cannot open Packages database in /var/lib/rpm"),
])
def test_a_database_that_cannot_be_read_is_not_an_empty_one(machine: Any, rpm: Rpm, rc: int, err: str) -> None:
    rpm.on("--query", rc=rc, err=err)
    with pytest.raises(CommandFailed):
        dnf(machine, rpm).read(["kubelet"])


UPGRADE = (("kubelet", 0, "1.36.3", "1.1", 6), ("kubelet", 0, "1.36.2", "1.1", 7))
OLD, NEW = row("kubelet", "1.36.2-1.1", 50), row("kubelet", "1.36.3-1.1", 100)


@pytest.mark.parametrize(("rows", "items", "ending", "expected", "interrupted"), [
    pytest.param([NEW], UPGRADE, {"end": 9, "state": 1}, "1.36.3-1.1", False, id="it came to its end"),
    pytest.param([NEW], UPGRADE, {"end": 9, "state": 2}, "1.36.3-1.1", False, id="it failed and said so"),
    pytest.param([OLD], UPGRADE, {}, "1.36.2-1.1", False, id="killed before it began"),
    pytest.param([NEW, OLD], UPGRADE, {}, None, True, id="killed between new and old"),
    pytest.param([NEW], UPGRADE, {}, None, True, id="killed at the end"),
    pytest.param([NEW, OLD], (), {"end": 9, "state": 1}, None, True, id="rpm without dnf was killed"),
    pytest.param([NEW], (("kubelet", 0, "1.36.3", "1.1", 1),), {}, None, True, id="killed in an installation"),
    pytest.param([], (("kubelet", 0, "1.36.3", "1.1", 1),), {}, None, False, id="killed before it was there"),
    pytest.param([NEW], (("kubelet", 0, "1.36.3", "1.1", 8),), {}, "1.36.3-1.1", False, id="killed in a removal"),
    pytest.param([NEW], (("kubelet", 0, "1.36.3", "1.1", 11),), {}, "1.36.3-1.1", False, id="only its reason"),
    pytest.param([row("kubelet", "2:1.36.3-1.1")], (("kubelet", 2, "1.36.3", "1.1", 1),), {}, None, True, id="epoch"),
    pytest.param([row(*KUBELET), row("socat", "1-1")], (("socat", 0, "1", "1", 1),), {}, "1.36.3-1.1", True,
                 id="somebody else's"),
])
def test_an_interrupted_transaction(
    machine: Any, rpm: Rpm, rows: list[str], items: tuple[tuple[str, int, str, str, int], ...],
    ending: dict[str, int], expected: str | None, interrupted: bool,
) -> None:
    rpm.rows = rows
    history(machine, *items, **ending)
    found, broken = dnf(machine, rpm).read(["kubelet"])
    assert ({name: each.version for name, each in found.items()}, broken) == (
        {"kubelet": expected} if expected else {}, interrupted)


@pytest.mark.parametrize(("lock", "interrupted"), [("4711", False), ("4712", True), ("", True)])
def test_a_dnf_at_work_is_not_an_interrupted_one(machine: Any, rpm: Rpm, lock: str, interrupted: bool) -> None:
    rpm.rows = [NEW]
    history(machine, *UPGRADE)
    machine.write("/proc/4711/cmdline", "dnf")
    machine.write("/var/lib/dnf/rpmdb_lock.pid", lock)
    assert dnf(machine, rpm).read(["kubelet"])[1] is interrupted


def test_another_form_of_history_says_nothing(machine: Any, rpm: Rpm) -> None:
    rpm.rows = [NEW]
    machine.write(HISTORY, "not a database, but long enough to be taken for a damaged one" * 20)
    assert dnf(machine, rpm).read(["kubelet"])[1] is False


def test_repair_removes_the_old_and_brings_the_new_once_more(machine: Any, rpm: Rpm) -> None:
    rpm.rows = [NEW, OLD, row("socat", "1.8-1", 100), row("socat", "1.7-1", 50), row("kernel", "6-1", 50),
                row("kernel", "7-1", 100)]
    history(machine, *UPGRADE, ("socat", 0, "1.8", "1", 6), ("socat", 0, "1.7", "1", 7), ("kernel", 0, "7", "1", 1))
    dnf(machine, rpm).repair(["kubelet"])
    erase, reinstall = rpm.done
    assert erase == "rpm --erase kubelet-1.36.2-1.1.x86_64 socat-1.7-1.x86_64"
    assert reinstall.endswith("--setopt=disable_excludes=all,* reinstall socat kernel")


@pytest.mark.parametrize(("text", "hold", "excludes", "expected"), [
    (None, True, (), "exclude=kubelet kubectl"),
    (None, True, ("kubectl", "kubelet", "cri-tools"), "exclude=kubectl kubelet cri-tools"),
    (repository_text("exclude=containerd"), True, (), "exclude=containerd kubelet kubectl"),
    (repository_text("exclude=kube*"), True, (), "exclude=kube*"),
    (repository_text("exclude=kubectl containerd kubelet"), False, (), "exclude=containerd"),
    (repository_text("exclude=kube* cri-tools"), False, ("cri-tools",), None),
    (None, False, ("cri-tools",), None),
])
def test_a_hold_is_an_exclude_and_others_stay(
    machine: Any, rpm: Rpm, text: str | None, hold: bool, excludes: tuple[str, ...], expected: str | None,
) -> None:
    if text:
        machine.write(PATH, text)
    repository = replace(CLASSROOM, excludes=excludes)
    files = dnf(machine, rpm, repository).files(replace(SPEC, repository=repository, hold=hold))
    last = files[PATH].splitlines()[-1]
    assert (last if last.startswith("exclude") else None) == expected
    machine.write(PATH, files[PATH])
    assert dnf(machine, rpm, repository).files(replace(SPEC, repository=repository, hold=hold)) == files


def test_the_files_of_a_repository(machine: Any, rpm: Rpm) -> None:
    files = dnf(machine, rpm).files(SPEC)
    assert list(files) == ["/etc/pki/rpm-gpg/RPM-GPG-KEY-classroom", PATH]
    assert files["/etc/pki/rpm-gpg/RPM-GPG-KEY-classroom"] == made_up_key("classroom")
    assert files[PATH].splitlines()[1:] == [
        "[classroom]", "name=classroom", "baseurl=http://192.168.90.10/rpm", "enabled=1", "gpgcheck=1",
        "repo_gpgcheck=1", "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-classroom", "exclude=kubelet kubectl"]


@pytest.mark.parametrize(("spec", "refused"), [
    (PackagesSpec((Package("kubelet", "1.36.3"),)), True),
    (PackagesSpec((Package("kubelet", "1.36.3"),), hold=False), False),
    (PackagesSpec((Package("nginx"),)), False),
])
def test_without_a_repository_nothing_can_be_held(machine: Any, rpm: Rpm, spec: PackagesSpec, refused: bool) -> None:
    backend = dnf(machine, rpm, None)
    if refused:
        with pytest.raises(ClassroomError, match="expected a repository for kubelet, found no repository to hold them"):
            backend.files(spec)
    else:
        assert backend.files(spec) == {}


def test_only_the_one_repository_is_looked_into_with_its_excludes_lifted(machine: Any, rpm: Rpm) -> None:
    rpm.on("repoquery", out="kubelet 1.36.2-1.1\n\nkubelet 1.36.3-1.1\n\nkubelet 1.36.3-1.1\n\nother 1-1\n")
    assert dnf(machine, rpm).available(CLASSROOM, ["kubelet", "kubectl"]) == {"kubelet": ["1.36.3-1.1", "1.36.2-1.1"]}
    call = rpm.calls[-1]
    assert {"--repo=classroom", "--setopt=disable_excludes=classroom", "--refresh",
            "--setopt=classroom.skip_if_unavailable=False"} <= set(call)


@pytest.mark.parametrize("cache", ["dnf", "libdnf5"])
def test_a_key_that_the_repository_once_had_is_not_trusted_any_more(machine: Any, rpm: Rpm, cache: str) -> None:
    old, other = (f"/var/cache/{cache}/{name}/pubring/pubring.kbx" for name in ("classroom-93ef", "appstream-11"))
    machine.write(old, "")
    machine.write(other, "")
    dnf(machine, rpm).available(CLASSROOM, ["kubelet"])
    assert (machine.read(old), machine.read(other)) == (None, "")


def test_a_repository_that_is_described_twice_is_refused(machine: Any, rpm: Rpm) -> None:
    machine.write(PATH, repository_text())
    machine.write("/etc/yum.repos.d/by-hand.repo", repository_text())
    with pytest.raises(ClassroomError, match=r"found it in /etc/yum\.repos\.d/by-hand\.repo as well"):
        dnf(machine, rpm).available(CLASSROOM, ["kubelet"])
    assert rpm.done == []
    machine.path("/etc/yum.repos.d/by-hand.repo").unlink()
    dnf(machine, rpm).available(CLASSROOM, ["kubelet"])


KEY = "Importing GPG key 0xA8698679:\n From       : /etc/pki/rpm-gpg/RPM-GPG-KEY-classroom\n"
METADATA = "Error: Failed to download metadata for repo 'classroom': "
DOWN = ("Errors during downloading metadata for repository 'classroom':\n  - Curl error (7): Couldn't connect to "
        "server for http://x/repodata/repomd.xml\n" + METADATA + "Cannot download repomd.xml: All mirrors were tried")
UNSIGNED_METADATA = METADATA + "GPG verification is enabled, but GPG signature is not available. This may be an error"
WRONG_METADATA = METADATA + "repomd.xml GPG signature verification error: Bad GPG signature"
DAMAGED_METADATA = ("  - Downloading successful, but checksum doesn't match. Calculated: 42(sha256)  Expected: "
                    "47(sha256)\n" + METADATA + "Yum repo downloading error: repodata/47-primary.xml.gz")
NOT_SIGNED = "Package kubectl-1.36.3-1.1.noarch.rpm is not signed\nError: GPG check FAILED"
OTHER_KEY = (KEY + 'The GPG keys listed for the "classroom" repository are already installed but they are not '
             "correct for this package.\nCheck that the correct key URLs are configured for this repository.. Failing "
             "package is: kubectl-1.36.3-1.1.noarch\n GPG Keys are configured as: file:///x\nError: GPG check FAILED")
DAMAGED = ('Package "kubectl-1.36.3-1.1.noarch" from local repository "classroom" has incorrect checksum\n'
           "Error: Some packages from local repository have incorrect checksum")
GONE = "Error: Error downloading packages:\n  kubectl-1.36.3: Cannot download, all mirrors were already tried"
FULL = ("Error: Transaction test error:\n  installing package kubelet-1.36.3-1.1.x86_64 needs 84MB more space on the / "
        "filesystem\n")
FULL_CACHE = "[Errno 28] No space left on device: '/var/cache/dnf/classroom-93/packages'"
LACKING = "Error: \n Problem: conflicting requests\n  - nothing provides socat needed by kubelet-1.36.3-1.1.x86_64"
EXCLUDED = "Error: Unable to find a match: kubectl-1.36.2"
# What differs in dnf 5, from its source
DOWN_5 = 'Failed to download metadata (baseurl: "http://x") for repository "classroom": Librepo error: Cannot download'
NOT_SIGNED_5 = ('OpenPGP check for package "kubectl-1.36.3-1.1.noarch" (/var/cache/libdnf5/c-93/x.rpm) from repo '
                '"classroom" has failed: The package is not signed.\nSignature verification failed.')
OTHER_KEY_5 = NOT_SIGNED_5.replace("The package is not signed.", "No corresponding key was found.")
GONE_5 = "Failed to download packages\n Librepo error: Cannot download kubectl.rpm: All mirrors were tried"
LACKING_5 = "Failed to resolve the transaction:\nNo match for argument: kubectl-1.36.3-1.1"
LOCKED_5 = "Failed to obtain rpm transaction lock. Another transaction is in progress."
SIGNED = "signed with the given key, found it, or a package of it, unsigned or signed with another one"


@pytest.mark.parametrize(("words", "message"), [
    (DOWN, "expected the metadata of http://192.168.90.10/rpm, found that it cannot be fetched"),
    (UNSIGNED_METADATA, SIGNED), (WRONG_METADATA, SIGNED),
    (DAMAGED_METADATA, "found files with other contents (checksum)"),
    (FULL_CACHE, "found the disk full"),
    (DOWN_5, "expected the metadata of http://192.168.90.10/rpm, found that it cannot be fetched"),
])
def test_what_dnf_says_of_a_repository(machine: Any, rpm: Rpm, words: str, message: str) -> None:
    rpm.on("repoquery", rc=1, err=words)
    with pytest.raises(ClassroomError) as failure:
        dnf(machine, rpm).available(CLASSROOM, ["kubelet"])
    assert message in str(failure.value)
    assert words.strip() in str(failure.value)


@pytest.mark.parametrize(("rc", "out", "words", "message"), [
    (1, "", NOT_SIGNED, SIGNED), (1, "", OTHER_KEY, SIGNED), (1, "", DAMAGED, "found files with other contents"),
    (1, "[MIRROR] kubectl: Status code: 404 for http://x/kubectl.rpm\n", GONE, "Status code: 404 for http://x/kubectl"),
    (1, "", NOT_SIGNED_5, SIGNED), (1, "", OTHER_KEY_5, SIGNED), (1, "", GONE_5, "cannot be downloaded"),
    (1, "", LACKING_5, "the host's sources lack some of them"),
    (1, "", FULL, "found the disk full"), (1, "", LACKING, "the host's sources lack some of them"),
    (1, "All matches were filtered out by exclude filtering for argument: kubectl-1.36.2\n", EXCLUDED,
     "filtered out by exclude filtering"),
    (127, "", "dnf: command not found", "expected dnf to succeed"),
    (-9, "", KEY, "found signal 9. Run this again"),
    (124, "", "no answer within 1800 s", "found no end in time"),
])
def test_what_dnf_says_of_packages(machine: Any, rpm: Rpm, rc: int, out: str, words: str, message: str) -> None:
    rpm.on("install", rc=rc, out=out, err=words)
    with pytest.raises(ClassroomError) as failure:
        dnf(machine, rpm).install({"kubectl": "1.36.3-1.1"}, {})
    assert message in str(failure.value)
    assert words.strip() in str(failure.value)
    # What no other metadata can help is not tried again; the third asks whether a repository is unreachable
    assert len(rpm.done) == (3 if words in (GONE, GONE_5, LACKING, LACKING_5, EXCLUDED) else 1)


@pytest.mark.parametrize(("first", "second", "makecache", "message"), [
    ((0, ""), (0, ""), (0, ""), None),
    ((1, LACKING), (0, ""), (1, DOWN), None),
    ((1, "Error: words that no dnf of today says"), (0, ""), (0, ""), None),
    ((1, LACKING), (1, LACKING), (1, DOWN.replace("'classroom'", "'appstream'")),
     "expected the metadata of appstream (http://mirror.example.com/$releasever/os), found that it cannot be fetched"),
    ((1, LACKING), (1, LACKING), (1, "words"), "classroom, http://mirror.example.com/$releasever/os"),
    ((1, LACKING), (1, LACKING), (0, ""), "the host's sources lack some of them"),
])
def test_metadata_of_all_repositories_is_fetched_once(
    machine: Any, rpm: Rpm, first: tuple[int, str], second: tuple[int, str], makecache: tuple[int, str],
    message: str | None,
) -> None:
    machine.write("/etc/yum.repos.d/a.repo", "[classroom]\nbaseurl=classroom\n[off]\nenabled=0\nbaseurl=http://off\n")
    machine.write("/etc/yum.repos.d/b.repo", "[appstream]\nbaseurl=http://mirror.example.com/$releasever/os\n")
    for rc, words in (first, second):
        rpm.on("install", rc=rc, err=words)
    rpm.on("makecache", rc=makecache[0], err=makecache[1])
    if message is None:
        dnf(machine, rpm).install({"kubectl": "1.36.3-1.1"}, {})
    else:
        with pytest.raises(ClassroomError) as failure:
            dnf(machine, rpm).install({"kubectl": "1.36.3-1.1"}, {})
        assert message in str(failure.value)
    assert "--setopt=*.metadata_expire=-1" in rpm.done[0] and "--setopt=*.skip_if_unavailable=True" in rpm.done[0]
    assert len(rpm.done) == 1 + (first[0] > 0) + (second[0] > 0)
    assert first[0] == 0 or "--refresh" in rpm.done[1]


def test_a_key_that_came_with_refused_packages_goes_with_them(machine: Any, rpm: Rpm) -> None:
    keys = [row("gpg-pubkey", "8483c65d-5ccc5b19", architecture="(none)"),
            row("gpg-pubkey", "87dce5a0-6b017633", architecture="(none)")]
    rpm.rows = keys[:1]

    def run(argv: Sequence[str], **options: Any) -> Completed:
        answer = rpm(argv, **options)
        if "install" in argv:
            rpm.rows = keys
        return answer

    rpm.on("install", rc=1, err=OTHER_KEY)
    with pytest.raises(ClassroomError):
        Dnf(machine.root, run, lambda seconds: None, CLASSROOM).install({"kubectl": "1.36.3-1.1"}, {})
    assert rpm.done[-1] == "rpm --erase gpg-pubkey-87dce5a0-6b017633"


@pytest.mark.parametrize(("rows", "verbs"), [
    ([], ["install kubelet-1.36.3-1.1 nginx"]),
    ([OLD], ["install kubelet-1.36.3-1.1 nginx"]),
    pytest.param([NEW], ["install nginx", "reinstall kubelet-1.36.3-1.1"], id="after an interruption"),
    pytest.param([NEW, row("nginx", "1-1")], ["reinstall kubelet-1.36.3-1.1 nginx"], id="all of it"),
])
def test_the_transaction(machine: Any, rpm: Rpm, rows: list[str], verbs: list[str]) -> None:
    rpm.rows = rows
    dnf(machine, rpm).install({"kubelet": "1.36.3-1.1", "nginx": None}, {})
    assert [call.partition("disable_excludes=classroom ")[2] for call in rpm.done] == verbs
    assert all("install_weak_deps=False" in call for call in rpm.done)


LOCKED = "RPMDB already locked by 26881\n  The application with PID 26881 is: dnf"


@pytest.mark.parametrize("words", [LOCKED, LOCKED_5])
def test_another_dnf_is_waited_for(machine: Any, rpm: Rpm, words: str) -> None:
    rpm.on("install", rc=200, err=words).on("install")
    dnf(machine, rpm).install({"kubelet": "1.36.3-1.1"}, {})
    assert len(rpm.done) == 2


def test_another_dnf_that_does_not_end_is_named(machine: Any, rpm: Rpm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages_rpm, "_LOCK_TIMEOUT", -1)
    rpm.on("install", rc=200, err=LOCKED)
    with pytest.raises(ClassroomError, match=r"found another dnf or rpm at work(?s:.*)PID 26881 is: dnf"):
        dnf(machine, rpm).install({"kubelet": "1.36.3-1.1"}, {})


NEEDED = "error: Failed dependencies:\n\trunc is needed by (installed) podman-5.4.0-1.el9.x86_64"
DATABASE = "error: failed to write to database: No space left on device"


class Erasing(Rpm):
    """An rpm that removes all of its arguments or none."""

    def __init__(self, needed: Mapping[str, Sequence[str]], words: str) -> None:
        super().__init__()
        self.needed, self.words = needed, words

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        if "--erase" not in argv:
            return super().__call__(argv, **options)
        self.calls.append(list(argv))
        doomed = argv[2:]
        there = {line.split("\t")[0] for line in self.rows} | {"podman"}
        if any((set(self.needed.get(name, ())) & there) - set(doomed) for name in doomed):
            return Completed(1, "", self.words)
        self.rows = [line for line in self.rows if line.split("\t")[0] not in doomed]
        return Completed(0, "", "")


@pytest.mark.parametrize(("needed", "words", "left", "expected"), [
    ({}, "", [], Purged("", False)),
    ({"kubernetes-cni": ["kubelet"]}, NEEDED, [], Purged("", False)),
    ({"kubernetes-cni": ["kubelet"], "runc": ["podman"]}, NEEDED, ["runc"], Purged(NEEDED, True)),
    ({"runc": ["podman"]}, DATABASE, ["runc"], Purged(DATABASE, False)),
])
def test_packages_go_but_for_those_that_others_need(
    machine: Any, needed: dict[str, list[str]], words: str, left: list[str], expected: Purged,
) -> None:
    names = ["kubernetes-cni", "kubelet", "runc"]
    rpm = Erasing(needed, words)
    rpm.rows = [row(name, "1-1") for name in names]
    assert dnf(machine, rpm).purge(names) == expected
    assert [line.split("\t")[0] for line in rpm.rows] == left


def test_the_names_of_all_that_is_installed_tell_keys_apart(machine: Any, rpm: Rpm) -> None:
    rpm.rows = [row("bash", "5-1"), row("gpg-pubkey", "87dce5a0-6b017633"), row("gpg-pubkey", "8483c65d-5ccc5b19")]
    names = {"bash", "gpg-pubkey-87dce5a0-6b017633", "gpg-pubkey-8483c65d-5ccc5b19"}
    assert dnf(machine, rpm).names() == names
    assert dnf(machine, rpm, None).read(["gpg-pubkey"])[0].keys() == names - {"bash"}


def test_what_was_stored_of_a_repository_goes_and_no_other(machine: Any, rpm: Rpm) -> None:
    ours = ["/var/cache/dnf/classroom-93ef/repodata/repomd.xml", "/var/cache/dnf/classroom.solv",
            "/var/cache/dnf/classroom-filenames.solvx", "/var/lib/dnf/repos/classroom-93ef/countme",
            "/var/cache/libdnf5/classroom-93ef/repodata/repomd.xml"]
    theirs = ["/var/cache/dnf/classroom2-93ef/x", "/var/cache/dnf/appstream.solv", "/var/lib/dnf/history.sqlite"]
    for path in (*ours, *theirs):
        machine.write(path, "x")
    dnf(machine, rpm).forget({PATH: repository_text(), "/etc/containerd/config.toml": "[appstream]\n"})
    assert [machine.read(path) for path in (*ours, *theirs)] == [None] * 5 + ["x"] * 3
