# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry of a utility by bundle, family and variable; what inventories that share a utility have to themselves.

The registry of a compiled bundle and that of Debian run in scenarios. The image under podman, and SELinux, are compared
as text: no image of a registry and no host with SELinux is available to the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._operations import host_preflight, package_service

ROLES = Path(__file__).resolve().parents[3] / "roles"
FILES = [f"{role}/{kind}" for role in ("cluster", "firewall", "utility") for kind in ("defaults", "vars")]
COMPILED = "packages:\n- name: classroom-registry\n  version: 3.1.2-1.1\nimages:\n"
UPSTREAM = "packages:\n- name: kubeadm\n  version: 1.36.3-1.1\nimages:\n"
QUADLET = """\
# Managed by the role classroom.kubeadm.utility.
[Unit]
Description=Registry of the classroom's images
Wants=network-online.target
After=network-online.target

[Container]
Image=docker.io/library/registry:3.0.0
ContainerName=classroom-registry
# The registry listens on the loopback address of the host only
Network=host
Exec=/etc/classroom-registry/config.yml
Volume=/etc/classroom-registry/config.yml:/etc/classroom-registry/config.yml:ro,Z
Volume=/var/lib/classroom-registry:/var/lib/classroom-registry:Z
ReadOnly=true
NoNewPrivileges=true

[Service]
ExecStartPre=/usr/bin/mkdir -p /var/lib/classroom-registry
Restart=on-failure
RestartSec=2
# The first start pulls the image
TimeoutStartSec=900

[Install]
WantedBy=multi-user.target
"""
DROP_IN = """\
# Managed by the role classroom.kubeadm.utility.
[Service]
# The user of the package must own the images, also those that another registry stored before
ExecStartPre=+/usr/bin/mkdir -p /var/lib/classroom-registry
ExecStartPre=+/usr/bin/chown -R docker-registry:docker-registry /var/lib/classroom-registry
ExecStart=
ExecStart=/usr/bin/docker-registry serve /etc/classroom-registry/config.yml
Restart=on-failure
RestartSec=2
"""
NGINX = "/etc/systemd/system/nginx.service.d/50-classroom-kubeadm.conf"
Value = Callable[..., Any]


@pytest.fixture
def value(plugin_loader: None, tmp_path: Path) -> Value:
    """Return the value of an expression in the variables of the roles."""
    def evaluate(
        expression: str, lock: str | None = COMPILED, family: str = "debian", *,
        without: tuple[str, ...] = (), **given: Any,
    ) -> Any:
        if lock is not None:
            (tmp_path / "bundle.lock.yml").write_text(lock, encoding="utf-8")
            (tmp_path / "apt").mkdir(exist_ok=True)
            (tmp_path / "apt" / "classroom-kubeadm.asc").write_text("a key\n", encoding="utf-8")
        loader = DataLoader()
        variables: dict[str, Any] = {
            "groups": {"all": ["utility", "master"], "k8s_cluster": ["master"], "utility": ["utility"],
                       "control_plane": ["master"]},
            "hostvars": {"master": {}}, "group_names": ["utility"], "inventory_hostname": "utility",
            "ansible_play_hosts_all": [],
            "cluster_bundle": str(tmp_path), "role_path": str(ROLES / "utility"), "__utility_certificate": {},
            "_utility_certificate": {"fingerprint": "sha256:0"},
            # The filter cluster_hosts is tested on its own
            "_utility_allowed_networks": ["10.0.0.0/8", "192.168.90.10", "192.168.90.100"],
            "ansible_facts": {"classroom_machine": {"os_family": family}}, **given}
        for name in FILES:
            known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
            variables.update({key: text for key, text in known.items() if key not in (*variables, *without)})
        return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {expression} }}}}"))

    return evaluate


@pytest.mark.parametrize(("lock", "family", "variable", "packages", "service"), [
    (COMPILED, "debian", "auto", ["classroom-registry", "nginx"], "classroom-registry"),
    (COMPILED, "redhat", "auto", ["classroom-registry", "nginx"], "classroom-registry"),
    # The controller may have nothing but the key of the bundle
    (None, "debian", "auto", ["classroom-registry", "nginx"], "classroom-registry"),
    (UPSTREAM, "debian", "auto", ["docker-registry", "nginx"], "docker-registry"),
    (UPSTREAM, "redhat", "auto", ["podman", "nginx"], "classroom-registry"),
    (COMPILED, "debian", "distribution", ["docker-registry", "nginx"], "docker-registry"),
    (COMPILED, "debian", "container", ["podman", "nginx"], "classroom-registry"),
])
def test_the_registry_is_the_one_that_bundle_and_host_have(
    value: Value, lock: str | None, family: str, variable: str, packages: list[str], service: str,
) -> None:
    given: dict[str, Any] = {"utility_registry": variable, "_utility_repository": None}
    desired = value("utility_desired", lock, family, **given)
    assert [package["name"] for package in desired["packages"]] == packages
    former, registry, web = desired["services"]
    assert (registry["name"], registry["state"], registry["port"], web["name"]) == (service, "started", 5001, "nginx")
    # The registry of another source, only if this collection installed it
    assert former == {"name": {"classroom-registry": "docker-registry"}.get(service, "classroom-registry"),
                      "brought_by": [former["name"]], "state": "stopped", "enabled": False}
    assert [file["path"] for file in web["files"] if file["path"] == NGINX] == ([NGINX] if family == "redhat" else [])
    checked = ArgumentSpecValidator(package_service.OPTIONS).validate(desired)
    assert checked.error_messages == []
    for given_service in checked.validated_parameters["services"]:
        package_service.service_spec(given_service)


def test_files_of_each_registry(value: Value) -> None:
    def files(name: str, **given: Any) -> dict[str, str]:
        found = value(f"_utility_registries.{name}.service.files", **given)
        return {file["path"].rpartition("/")[2]: file.get("content", "") for file in found}

    container, distribution, bundle = map(files, ("container", "distribution", "bundle"))
    assert container["classroom-registry.container"] == QUADLET
    assert distribution["50-classroom-kubeadm.conf"] == DROP_IN
    assert bundle["classroom-registry.container"] == ""
    for one in (container, distribution, bundle):
        assert "    rootdirectory: /var/lib/classroom-registry\n" in one["config.yml"]
        assert "  addr: 127.0.0.1:5001\n" in one["config.yml"]
    proxied = files("container", _cluster_proxy_environment={"HTTPS_PROXY": "http://a:b%20c@192.0.2.1:3128"})
    assert 'Environment="HTTPS_PROXY=http://a:b%%20c@192.0.2.1:3128"\n' in proxied["classroom-registry.container"]


@pytest.mark.parametrize(("lock", "variable", "unused"), [
    (COMPILED, "auto", ""), (UPSTREAM, "container", ""),
    (UPSTREAM, "auto", "/var/lib/docker-registry/docker/registry"),
    (COMPILED, "distribution", "/var/lib/docker-registry/docker/registry"),
])
def test_what_must_be_free_before_any_change(value: Value, lock: str, variable: str, unused: str) -> None:
    found = value("_cluster_utility_services", lock, utility_registry=variable)
    assert [(service["names"][0], service["ports"]) for service in found] == [
        ("nginx", [5000, 8080]), ("classroom-registry", [5001])]
    assert found[1]["unused"] == unused
    checked = ArgumentSpecValidator({"services": host_preflight.OPTIONS["services"]}).validate({"services": found})
    assert checked.error_messages == []
    # Without the role utility, as in the preflight checks of all hosts
    unset = ("utility_registry", "utility_registry_local_port", "utility_registry_storage")
    if variable == "auto":
        assert value("_cluster_utility_services", lock, without=unset) == found


@pytest.mark.parametrize(("names", "expected"), [
    ({}, ["kubernetes"]),
    ({"master": "monday"}, ["monday"]),
    ({"master": "anna", "node1": "bert", "node2": "anna"}, ["anna", "bert"]),
])
def test_an_inventory_is_known_by_the_names_of_its_clusters(
    value: Value, names: dict[str, str], expected: list[str],
) -> None:
    hosts = {host: {"cluster_name": name} for host, name in names.items()} or {"master": {}}
    given: dict[str, Any] = {"hostvars": hosts, "groups": {"k8s_cluster": list(hosts)}, "cluster_utility": "utility"}
    assert value("_cluster_names", **given) == expected
    assert value("firewall_desired.owners", _cluster_address="", **given, _cluster_hosts=[]) == expected
    without_utility = value("firewall_desired.owners", _cluster_address="", _cluster_hosts=[], **{
        **given, "inventory_hostname": "master"})
    assert without_utility == []
    assert value("firewall_desired.owners", _cluster_address="", **given, _cluster_hosts=[],
                 cluster_utility_owners=["room 12"]) == ["room 12"]


def test_clients_are_those_of_this_inventory(value: Value) -> None:
    clients = value("_utility_web_server_files[1]")
    assert clients["content"].splitlines() == ["allow 10.0.0.0/8;", "allow 192.168.90.10;", "allow 192.168.90.100;"]
    assert clients["owners"] == ["kubernetes"]
    server = value("_utility_web_server_files[0].content")
    assert server.count(f"include {clients['path']};\n    deny all;") == 2
