# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One declaration in everybody's words; that they are read as meant is proven by the scenario redhat."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.filter.cluster_proxy import APT, PROFILE, cluster_proxy

PROXY = {"http": "http://proxy.school.example:3128", "no_proxy": [".school.example", "10.0.0.0/8"]}
DIRECT = ("192.168.90.100", "master", "", "10.96.0.0/12", "192.168.90.100", "fd00::1")
NO_PROXY = "localhost,127.0.0.0/8,::1,192.168.90.100,master,10.96.0.0/12,fd00::1,.school.example,10.0.0.0/8"


def words(proxy: dict[str, Any], family: str = "debian", direct: tuple[str, ...] = DIRECT) -> dict[str, Any]:
    """What everybody is told; the files by their path."""
    found = cluster_proxy(proxy, direct, family)
    return {**found, **{file.pop("path"): file for file in found["files"]}}


def test_everybody_has_upper_and_lower_case_and_each_exception_once() -> None:
    environment = words(PROXY)["environment"]
    for name, value in {"HTTP_PROXY": PROXY["http"], "HTTPS_PROXY": PROXY["http"], "NO_PROXY": NO_PROXY}.items():
        assert environment[name] == environment[name.lower()] == value
    assert len(environment) == 6


def test_https_may_have_a_proxy_alone() -> None:
    found = words({"https": "http://other:8"})
    assert "HTTP_PROXY" not in found["environment"] and found["environment"]["HTTPS_PROXY"] == "http://other:8"
    assert "Acquire::http::" not in found[APT]["content"]
    assert 'Acquire::https::Proxy "http://other:8";' in found[APT]["content"]


def test_apt_is_told_of_hosts_and_of_nothing_that_it_would_misread() -> None:
    lines = words(PROXY)[APT]["content"].splitlines()
    exceptions = [line.split("::")[3] for line in lines if "DIRECT" in line]
    assert exceptions == ['localhost "DIRECT";', '192.168.90.100 "DIRECT";', 'master "DIRECT";'] * 2


@pytest.mark.parametrize(("url", "secret"), [
    ("http://proxy:3128", False), ("http://teacher:p%40ss@proxy:3128", True), ("http://teacher@proxy:3128", True),
])
def test_a_login_is_in_files_of_root_only(url: str, secret: bool) -> None:
    found = words({"http": url})
    key = "secret_content" if secret else "content"
    for file in (found["unit"], found[APT]):
        assert url.replace("%", "%%" if file is found["unit"] else "%") in file[key]
        assert file.get("mode") == ("0600" if secret else None)
    assert (found[PROFILE] == {"state": "absent"}) is secret


@pytest.mark.parametrize(("proxy", "family", "absent"), [
    ({}, "debian", {"unit", APT, PROFILE}), ({}, "redhat", {"unit", APT, PROFILE}),
    (PROXY, "debian", set()), (PROXY, "redhat", {APT}),
])
def test_what_is_not_wanted_goes(proxy: dict[str, Any], family: str, absent: set[str]) -> None:
    found = words(proxy, family)
    assert {name for name in ("unit", APT, PROFILE) if found[name] == {"state": "absent"}} == absent
    assert bool(found["environment"]) is bool(proxy)


def test_a_unit_has_its_percent_signs_doubled() -> None:
    unit = words({"http": "http://a:p%40ss@proxy:1"})["unit"]["secret_content"]
    assert unit.splitlines()[1:3] == ["[Service]", 'Environment="HTTP_PROXY=http://a:p%%40ss@proxy:1"']


def test_a_shell_reads_what_was_meant(tmp_path: Path) -> None:
    profile = tmp_path / "proxy.sh"
    profile.write_text(words({"http": "http://proxy:1/$HOME;`id`"})[PROFILE]["content"])
    said = subprocess.run(
        ["sh", "-c", f'. {profile}; printf %s "$https_proxy"'], check=True, capture_output=True, text=True).stdout
    assert said == "http://proxy:1/$HOME;`id`"
