# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""apt and dpkg: what their files say, how they are called, what their errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import STATUS, Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import (
    Installed,
    PackagesSpec,
    Purged,
    Repository,
)

FLAT = Repository("classroom", "http://192.168.90.10/apt", "\n-----BEGIN PGP-----\nx\n-----END PGP-----\n\n")
SUITE = Repository("vendor", "https://vendor.example.com/debian", "KEY", "trixie", ("main", "extra"), ("amd64",))


def stanza(name: str, status: str, version: str = "1.36.3-1.1") -> str:
    return f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\nDescription: x\n Status: no\n"


def apt(machine: Any, fake_run: Any, *stanzas: str) -> Apt:
    machine.write(STATUS, "\n".join(stanzas))
    return Apt(machine.root, fake_run, sleep=lambda seconds: None)


@pytest.mark.parametrize(("status", "expected", "interrupted"), [
    ("install ok installed", Installed("1.36.3-1.1", False), False),
    ("hold ok installed", Installed("1.36.3-1.1", True), False),
    ("deinstall ok config-files", None, False),
    ("install ok unpacked", None, True),
    ("install ok half-configured", None, True),
    ("install ok half-installed", None, True),
    ("install reinstreq half-installed", None, True),
    ("install ok triggers-pending", Installed("1.36.3-1.1", False), True),
])
def test_the_state_of_a_package(
    machine: Any, fake_run: Any, status: str, expected: Installed | None, interrupted: bool,
) -> None:
    backend = apt(machine, fake_run, stanza("adduser", "install ok installed", "3"), stanza("kubelet", status))
    found, broken = backend.read(["kubelet", "kube", "kubelet-extra"])
    assert (found, broken) == ({"kubelet": expected} if expected else {}, interrupted)
    assert fake_run.calls == []


def test_the_first_package_of_the_file_is_found(machine: Any, fake_run: Any) -> None:
    found, _holds = apt(machine, fake_run, stanza("kubelet", "install ok installed")).read(["kubelet"])
    assert found["kubelet"].version == "1.36.3-1.1"


@pytest.mark.parametrize(("name", "interrupted"), [("0001", True), ("tmp.i", False)])
def test_dpkgs_journal_tells_of_an_interruption(machine: Any, fake_run: Any, name: str, interrupted: bool) -> None:
    backend = apt(machine, fake_run, stanza("kubelet", "install ok installed"))
    machine.write("/var/lib/dpkg/updates/" + name, "")
    assert backend.read([])[1] is interrupted


def test_a_host_without_dpkg(machine: Any, fake_run: Any) -> None:
    with pytest.raises(ClassroomError, match=r"expected dpkg's status in .*, found no such file"):
        Apt(machine.root, fake_run).read(["kubelet"])


def test_the_files_of_a_flat_repository(machine: Any, fake_run: Any) -> None:
    files = Apt(machine.root, fake_run).files(PackagesSpec((), FLAT))
    assert list(files) == ["/etc/apt/keyrings/classroom.asc", "/etc/apt/sources.list.d/classroom.sources"]
    assert files["/etc/apt/keyrings/classroom.asc"] == "-----BEGIN PGP-----\nx\n-----END PGP-----\n"
    assert files["/etc/apt/sources.list.d/classroom.sources"].splitlines()[1:] == [
        "Types: deb", "URIs: http://192.168.90.10/apt", "Suites: ./", "Signed-By: /etc/apt/keyrings/classroom.asc"]


def test_further_addresses_are_of_the_same_source(machine: Any, fake_run: Any) -> None:
    both = replace(FLAT, further_uris=("http://192.168.90.10/os/debian-13",))
    backend = Apt(machine.root, fake_run)
    source = "/etc/apt/sources.list.d/classroom.sources"
    text = backend.files(PackagesSpec((), both))[source]
    assert "\nURIs: http://192.168.90.10/apt http://192.168.90.10/os/debian-13\nSuites: ./\n" in text
    lists = ["/var/lib/apt/lists/192.168.90.10_" + name for name in ("apt_._Release", "os_debian-13_._Packages", "x")]
    for path in lists:
        machine.write(path, "")
    backend.forget({source: text})
    assert [machine.read(path) for path in lists] == [None, None, ""]


def test_the_files_of_a_suite(machine: Any, fake_run: Any) -> None:
    source = Apt(machine.root, fake_run).files(PackagesSpec((), SUITE))["/etc/apt/sources.list.d/vendor.sources"]
    assert "Suites: trixie\nComponents: main extra\nArchitectures: amd64\nSigned-By: " in source


MADISON = """\
   kubelet | 1.36.3-1.1 | http://192.168.90.10/apt ./ Packages
   kubelet | 1.36.2-1.1 | http://192.168.90.10/apt ./ Packages
   kubelet | 1.36.2-1.1 | http://192.168.90.11/apt ./ Packages
   kubectl | 1.36.3-1.1 | http://192.168.90.10/apt ./ Packages
"""


def test_only_the_one_list_is_fetched(machine: Any, fake_run: Any) -> None:
    fake_run.on("apt-get").on("apt-cache", out=MADISON)
    offered = Apt(machine.root, fake_run).available(FLAT, ["kubelet", "kubectl"])
    assert offered == {"kubelet": ["1.36.3-1.1", "1.36.2-1.1"], "kubectl": ["1.36.3-1.1"]}
    for call in fake_run.calls:
        assert "--option=Dir::Etc::sourcelist=/etc/apt/sources.list.d/classroom.sources" in call
        assert "--option=APT::Get::List-Cleanup=0" in call


def test_without_a_repository_all_lists_are(machine: Any, fake_run: Any) -> None:
    fake_run.on("apt-get").on("apt-cache")
    assert Apt(machine.root, fake_run).available(None, ["kubelet"]) == {}
    assert not any("sourcelist" in word for call in fake_run.calls for word in call)


# apt 3.0 checks signatures with sqv, apt 2.6 with gpgv.
WRONG_KEY = ("W: OpenPGP signature verification failed: http://x ./ InRelease: Sub-process /usr/bin/sqv returned an "
             "error code (1), error message is: Missing key DE21, which is needed to verify signature.\n"
             "E: Failed to fetch http://x/./InRelease")
OLD_WRONG_KEY = "W: GPG error: http://x ./ InRelease: The following signatures couldn't be verified: NO_PUBKEY DE21"
UNSIGNED = "E: The repository 'http://x ./ Release' is not signed."
NO_RELEASE = "E: The repository 'http://x ./ Release' does not have a Release file."
REFUSED = "E: Failed to fetch http://x/./InRelease  Unable to connect to 127.0.0.1:8001:"
HASH = "E: Failed to fetch http://x/pool/kubelet_1.36.3-1.1.deb  Hash Sum mismatch"


@pytest.mark.parametrize(("words", "message"), [
    (WRONG_KEY, "signed with the given key, found it unsigned or signed with another one"),
    (OLD_WRONG_KEY, "signed with the given key"),
    (UNSIGNED, "signed with the given key"),
    (NO_RELEASE, "signed with the given key"),
    (REFUSED, "expected the package lists of http://192.168.90.10/apt, found that they cannot be fetched"),
    (HASH, "found files with other contents"),
])
def test_what_apt_says_of_a_source(machine: Any, fake_run: Any, words: str, message: str) -> None:
    fake_run.on("apt-get", rc=100, err=words)
    with pytest.raises(ClassroomError) as failure:
        Apt(machine.root, fake_run).available(FLAT, ["kubelet"])
    assert message in str(failure.value)
    assert words in str(failure.value)


@pytest.mark.parametrize(("lower", "installed"), [(False, None), (False, "1.36.2-1.1"), (True, "1.37.0-1.1")])
def test_the_transaction(machine: Any, fake_run: Any, lower: bool, installed: str | None) -> None:
    fake_run.on("apt-get").on("dpkg", "--compare-versions", rc=0 if lower else 1)
    found = {"kubelet": Installed(installed, True)} if installed else {}
    Apt(machine.root, fake_run).install({"kubelet": "1.36.3-1.1", "nginx": None}, found)
    call = fake_run.calls[-1]
    assert call[-2:] == ["kubelet=1.36.3-1.1", "nginx"]
    assert ("--allow-downgrades" in call) is lower
    assert {"--no-install-recommends", "--allow-change-held-packages", "--reinstall"} <= set(call)


class Answers:
    """apt that answers simulations and installations apart: (status, words) one after another, the last again."""

    def __init__(self, simulate: list[tuple[int, str]], install: list[tuple[int, str]], update: int = 0) -> None:
        self.answers = {"--simulate": simulate, "--print-uris": OK, "install": install,
                        "update": [(update, "E: http://x/debian/ is down")]}
        self.calls: list[str] = []

    def __call__(self, argv: Sequence[str], *, check: bool = True, **options: Any) -> Completed:
        word = next(each for each in self.answers if each in argv)
        self.calls.append(word)
        answers = self.answers[word]
        rc, words = answers.pop(0) if len(answers) > 1 else answers[0]
        if word == "--print-uris":
            return Completed(0, "'http://x/debian/dists/trixie/InRelease' x 0 \n'http://y/apt/./InRelease' y 0 \n", "")
        return Completed(rc, "", words)


OK = [(0, "")]
STALE = (100, "E: Failed to fetch http://x/pool/socat_1.deb  404  Not Found")
OTHER_WORDS = (100, "E: words that no apt of today says")
FRESH = ["update", "--simulate", "install"]


@pytest.mark.parametrize(("simulate", "install", "update", "calls", "message"), [
    pytest.param(OK, OK, 0, ["--simulate", "install"], None, id="all is known"),
    pytest.param([OTHER_WORDS, *OK], OK, 0, ["--simulate", *FRESH], None, id="no lists"),
    pytest.param([OTHER_WORDS, *OK], OK, 100, ["--simulate", *FRESH], None, id="a mirror that is not needed"),
    pytest.param([OTHER_WORDS], OK, 100, ["--simulate", "update", "--simulate", "--print-uris"],
                 "expected the package lists of http://x/debian, found that they cannot be fetched", id="unreachable"),
    pytest.param([OTHER_WORDS], OK, 0, ["--simulate", "update", "--simulate", "--print-uris"],
                 "(http://x/debian, http://y/apt), found that some are not there", id="nowhere"),
    pytest.param(OK, [STALE, *OK], 0, ["--simulate", "install", *FRESH], None, id="stale"),
    pytest.param(OK, [OTHER_WORDS, *OK], 0, ["--simulate", "install", *FRESH], None, id="stale, in other words"),
    pytest.param(OK, [STALE], 100, ["--simulate", "install", *FRESH, "--print-uris"],
                 "expected the package lists of http://x/debian", id="stale and unreachable"),
    pytest.param([OTHER_WORDS, *OK], [STALE], 0, ["--simulate", *FRESH], "expected apt to succeed", id="only once"),
    pytest.param(OK, [(100, HASH)], 0, ["--simulate", "install"], "Hash Sum mismatch", id="damaged"),
    pytest.param(OK, [(124, "no answer")], 0, ["--simulate", "install"], "no end in time", id="timeout"),
    pytest.param(OK, [(-15, "")], 0, ["--simulate", "install"], "found signal 15", id="killed"),
])
def test_lists_are_updated_once_where_that_may_help(
    machine: Any, simulate: list[tuple[int, str]], install: list[tuple[int, str]], update: int, calls: list[str],
    message: str | None,
) -> None:
    run = Answers(list(simulate), list(install), update)
    backend = Apt(machine.root, run, lambda seconds: None)
    if message is None:
        backend.install({"kubelet": "1.36.3-1.1"}, {})
    else:
        with pytest.raises(ClassroomError) as failure:
            backend.install({"kubelet": "1.36.3-1.1"}, {})
        assert message in str(failure.value)
    assert run.calls == calls


def test_what_dpkg_has_begun_is_not_tried_again(machine: Any) -> None:
    run = Answers(list(OK), [OTHER_WORDS])

    def half(argv: Sequence[str], **options: Any) -> Completed:
        if "--simulate" not in argv:
            machine.write(STATUS, stanza("kubelet", "install ok half-configured"))
        return run(argv, **options)

    with pytest.raises(ClassroomError, match="expected apt to succeed"):
        Apt(machine.root, half, lambda seconds: None).install({"kubelet": "1.36.3-1.1"}, {})
    assert run.calls == ["--simulate", "install"]


def test_another_package_manager_is_waited_for(machine: Any, fake_run: Any) -> None:
    fake_run.on("apt-mark", rc=100, err="E: Could not get lock /var/lib/dpkg/lock").on("apt-mark")
    Apt(machine.root, fake_run, sleep=lambda seconds: None).hold(["kubelet"], True)
    assert fake_run.calls == [["apt-mark", "hold", "kubelet"]] * 2


@pytest.mark.parametrize(("held", "verb"), [(True, "hold"), (False, "unhold")])
def test_hold(machine: Any, fake_run: Any, held: bool, verb: str) -> None:
    fake_run.on("apt-mark")
    Apt(machine.root, fake_run).hold(["kubelet", "kubectl"], held)
    assert fake_run.calls == [["apt-mark", verb, "kubelet", "kubectl"]]


def test_repair_leaves_alone_what_is_installed_afterwards_anyway(machine: Any, fake_run: Any) -> None:
    torn = "install reinstreq half-installed"
    whole = "install ok installed"
    backend = apt(machine, fake_run, stanza("kubelet", torn), stanza("socat", torn), stanza("bash", whole))
    fake_run.on("dpkg").on("apt-get")
    backend.repair(["kubelet"])
    assert fake_run.calls[0][-2:] == ["--configure", "-a"]
    assert "--fix-broken" in fake_run.calls[1]
    assert fake_run.calls[2][-1] == "socat" and "--reinstall" in fake_run.calls[2]
    assert not fake_run.did("kubelet")


def test_the_names_of_all_that_is_installed(machine: Any, fake_run: Any) -> None:
    machine.write(STATUS, "\n".join((
        "Package: bash\nEssential: yes\nStatus: install ok installed\nPriority: required\nVersion: 5\n",
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
        "Package: kubelet\nStatus: hold ok installed\nDescription: x\n Package: no\n Status: install ok installed\n",
        "Package: torn\nStatus: install reinstreq half-installed\n",
        "Package: waits\nStatus: install ok triggers-pending\nVersion: 1\n",
    )))
    assert Apt(machine.root, fake_run).names() == {"bash", "kubelet", "waits"}


@pytest.mark.parametrize("words", ["", "dpkg: dependency problems prevent removal of runc"])
def test_a_purge_takes_nothing_along(machine: Any, fake_run: Any, words: str) -> None:
    fake_run.on("dpkg", rc=1 if words else 0, err=words)
    assert Apt(machine.root, fake_run).purge(["kubelet", "runc"]) == Purged(words, bool(words))
    assert fake_run.calls == [["dpkg", "--purge", "kubelet", "runc"]]
