# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules themselves: options, one call, results; nothing secret comes out where it is not meant to."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.doc_fragments.kubeadm import ModuleDocFragment
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import operation
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import Unreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue import kinds as residue
from ansible_collections.classroom.kubeadm.plugins.modules import (
    kubeadm_init,
    kubeadm_join,
    kubeadm_reset,
    kubeadm_token,
    node_delete,
)
from tests.unit.support.kubeadm_lab import Lab, as_text, kubeconfig_text
from tests.unit.support.operations import logic_of

MODULES = [kubeadm_init, kubeadm_join, kubeadm_reset, kubeadm_token, node_delete]
TOKEN = "abcdef.0123456789abcdef"
INIT: dict[str, Any] = {
    "config": [
        {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration", "bootstrapTokens": [{"token": TOKEN}]},
        {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration"},
    ]
}


class Ended(Exception):
    """What AnsibleModule does by leaving the process."""

    def __init__(self, failed: bool, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.failed = failed
        self.values = values


def run(
    module: ModuleType, lab: Lab, monkeypatch: pytest.MonkeyPatch, check_mode: bool = False, **given: Any
) -> tuple[Ended, list[str], dict[str, Any]]:
    warned: list[str] = []
    hidden: set[str] = set()
    seen: dict[str, Any] = {}

    class Fake:
        def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool, **others: Any) -> None:
            assert supports_check_mode
            seen.update(argument_spec)
            self.params = {name: given.get(name, rules.get("default")) for name, rules in argument_spec.items()}
            self.check_mode = check_mode
            self.no_log_values = hidden

        def warn(self, text: str) -> None:
            warned.append(text)

        def exit_json(self, **values: Any) -> None:
            raise Ended(False, values)

        def fail_json(self, **values: Any) -> None:
            raise Ended(True, values)

    for place in (module, operation):
        monkeypatch.setattr(place, "AnsibleModule", Fake, raising=False)
    monkeypatch.setattr(logic_of(module), "NodeContext", lambda: lab.machine)
    with pytest.raises(Ended) as caught:
        module.main()
    if module is kubeadm_init and given.get("config"):
        assert hidden == {TOKEN}
    return caught.value, warned, seen


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.api.broken = Unreachable("refused")
    return made


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_and_the_options_agree(
    module: ModuleType, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = INIT if module is kubeadm_init else {
        "node_name": "x", "nodes": [{"name": "x"}], "endpoint": "127.0.0.1:1"}
    _ended, _warned, spec = run(module, lab, monkeypatch, check_mode=True, **given)
    documentation = yaml.safe_load(module.DOCUMENTATION)
    fragments = documentation["extends_documentation_fragment"]
    options = dict(documentation["options"])
    if "classroom.kubeadm.kubeadm" in fragments:
        options.update(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"])
    assert set(options) == set(spec)
    for name, option in options.items():
        rules = spec[name]
        assert option["type"] == rules["type"] and option.get("default") == rules.get("default"), name
        assert option.get("required", False) == rules.get("required", False), name
        assert option.get("elements") == rules.get("elements") and option.get("choices") == rules.get("choices"), name


@pytest.mark.parametrize("module", MODULES)
def test_examples_and_return_values_can_be_read(module: ModuleType) -> None:
    assert yaml.safe_load(module.EXAMPLES)
    assert all("sample" in value or "contains" in value for value in yaml.safe_load(module.RETURN).values())


def test_init_predicts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.programs.clear()
    ended, warned, _spec = run(kubeadm_init, lab, monkeypatch, check_mode=True, **INIT)
    assert (ended.failed, ended.values["changed"], ended.values["decision"]) == (False, True, "init")
    assert warned == [] and "warnings" not in ended.values
    assert set(yaml.safe_load(kubeadm_init.RETURN)) | {"changed", "diff"} == set(ended.values)


def test_init_fails_in_a_sentence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run.failures["kubeadm init"] = Completed(1, "", "[ERROR Mem]: the system RAM (900 MB) is less than the minimum")
    ended, _warned, _spec = run(kubeadm_init, lab, monkeypatch, **INIT)
    assert ended.failed and "[ERROR Mem]" in ended.values["msg"]
    ended, _warned, _spec = run(kubeadm_init, lab, monkeypatch, config=[])
    assert ended.failed and "no document" in ended.values["msg"]


def test_init_shows_no_secret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for check_mode in (True, False):
        ended, warned, _spec = run(kubeadm_init, lab, monkeypatch, check_mode=check_mode, **INIT)
        assert "0123456789abcdef" not in as_text(ended.values) + as_text(warned)


def test_join_predicts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, _warned, spec = run(kubeadm_join, lab, monkeypatch, check_mode=True, endpoint="127.0.0.1:1", node_name="n")
    assert (ended.failed, ended.values["changed"], ended.values["needs_discovery"]) == (False, True, True)
    assert set(yaml.safe_load(kubeadm_join.RETURN)) | {"changed", "diff"} == set(ended.values)
    assert spec["discovery"]["no_log"] and spec["discovery"]["options"]["token"]["no_log"]


def test_join_fails_in_a_sentence_and_shows_no_secret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = {"kubeconfig": "half", "token": TOKEN}
    ended, _warned, _spec = run(kubeadm_join, lab, monkeypatch, endpoint="127.0.0.1:1", discovery=discovery)
    assert ended.failed and "the discovery kubeconfig is not a complete" in ended.values["msg"]
    assert "0123456789abcdef" not in as_text(ended.values)


@pytest.mark.parametrize("check_mode", [False, True])
def test_token(lab: Lab, monkeypatch: pytest.MonkeyPatch, check_mode: bool) -> None:
    lab.write("/etc/kubernetes/admin.conf", kubeconfig_text("https://192.168.90.100:6443", "CA", "CRT", "THE KEY"))
    lab.api.broken = None
    lab.api.objects["/api/v1/namespaces/kube-system/secrets?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken"] = {}
    nodes = [{"name": "node1", "address": None, "machine_id": None}, {"name": "node2"}]
    ended, _warned, _spec = run(kubeadm_token, lab, monkeypatch, check_mode, nodes=nodes)
    assert not ended.failed and ended.values["changed"]
    assert ("tokens" in ended.values) is not check_mode
    assert "THE KEY" not in as_text(ended.values)
    ended, _warned, _spec = run(kubeadm_token, lab, monkeypatch, check_mode, state="absent", token_ids=["abcdef"])
    assert not ended.failed and ended.values["changed"] is False and ended.values["revoked"] == []
    ended, _warned, _spec = run(kubeadm_token, lab, monkeypatch, check_mode, nodes=nodes, ttl="never")
    assert ended.failed and "ttl" in ended.values["msg"]


def test_reset_predicts_and_returns_what_is_documented(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write("/etc/kubernetes/kubelet.conf")
    ended, _warned, _spec = run(kubeadm_reset, lab, monkeypatch, check_mode=True)
    assert (ended.failed, ended.values["changed"], ended.values["decision"]) == (False, True, "reset")
    assert set(yaml.safe_load(kubeadm_reset.RETURN)) | {"changed", "diff"} == set(ended.values)
    assert lab.exists("/etc/kubernetes/kubelet.conf")


def test_reset_fails_with_what_is_left(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    left = residue.Finding("interface", "cni0", "ip -br link show cni0", "it is busy")
    monkeypatch.setattr(residue, "find", lambda machine, hashes=(): (left,))
    monkeypatch.setattr(residue, "remove", lambda machine, found: tuple(found))
    ended, _warned, _spec = run(kubeadm_reset, lab, monkeypatch)
    assert ended.failed and "interface cni0 (it is busy" in ended.values["msg"]
    assert ended.values["residue"] == [left.as_dict()] and ended.values["changed"]


def test_reset_fails_in_a_sentence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write("/etc/kubernetes/kubelet.conf", "users: of another form\n")
    ended, _warned, _spec = run(kubeadm_reset, lab, monkeypatch, endpoint="192.168.90.100")
    assert ended.failed and "Cannot determine to which cluster this host belongs" in ended.values["msg"]
    assert "Nothing was changed." in ended.values["msg"]


def test_a_node_is_no_reason_to_fail(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, warned, _spec = run(node_delete, lab, monkeypatch, nodes=[{"name": "node1"}])
    assert not ended.failed and ended.values["nodes"][0]["decision"] == "undecided" and "admin.conf" in warned[0]
    assert set(yaml.safe_load(node_delete.RETURN)) | {"changed", "diff"} == set(ended.values)
