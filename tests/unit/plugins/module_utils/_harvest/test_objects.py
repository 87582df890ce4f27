# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects are somebody's work, and what of them a person wrote. The API is a dictionary of answers."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import objects as harvest_objects
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest.objects import REDACTED_MARK, ObjectsSpec
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    ApiError,
    NotFound,
    RequestRejected,
    Unavailable,
    Unreachable,
)
from tests.unit.support.kubeadm_lab import FakeApi, Lab, kubeconfig_text

CORE = {
    "namespaces": ("Namespace", False), "configmaps": ("ConfigMap", True), "secrets": ("Secret", True),
    "pods": ("Pod", True), "services": ("Service", True), "events": ("Event", True),
    "serviceaccounts": ("ServiceAccount", True),
}
OWNED = [{"kind": "ReplicaSet", "name": "web-1", "controller": True}]


def resource(name: str, kind: str, namespaced: bool = True, verbs: str = "create delete get list") -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced, "verbs": verbs.split()}


def item(namespace: str, name: str, metadata: dict[str, Any] | None = None, **content: Any) -> dict[str, Any]:
    return {"metadata": {
        "name": name, "namespace": namespace, "uid": "8", "resourceVersion": "9", "generation": 2,
        "creationTimestamp": "2026-11-21T00:00:00Z", "managedFields": [{"manager": "kubectl"}], "selfLink": "/x",
        **(metadata or {})}, "status": {"phase": "x"}, **content}


class Pages(FakeApi):
    """Collections by path, one object a page, so that whoever does not turn pages misses some.

    `failing` are the errors of single paths, each raised as often as it is listed, the last one for ever.
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        super().__init__(objects)
        self.failing: dict[str, list[Exception | None]] = {}

    def get(self, path: str) -> Any:
        base, _mark, query = path.partition("?")
        errors = self.failing.get(base)
        error = (errors.pop(0) if len(errors) > 1 else errors[0]) if errors else None
        if error is not None:
            self.calls.append("GET " + base)
            raise error
        answer = super().get(base)
        if not query:
            return answer
        start = int(query.partition("continue=")[2] or 0)
        more = {"continue": str(start + 1)} if start + 1 < len(answer) else {}
        return {"items": copy.deepcopy(answer[start:start + 1]), "metadata": more}


@pytest.fixture
def api() -> Pages:
    """A cluster with nothing but namespaces."""
    objects: dict[str, Any] = {
        "/api/v1": {"resources": [
            *(resource(name, kind, namespaced) for name, (kind, namespaced) in CORE.items()),
            resource("pods/log", "Pod"), resource("bindings", "Binding", verbs="create")]},
        "/apis": {"groups": [
            {"preferredVersion": {"groupVersion": version}}
            for version in ("apps/v1", "school.example/v1", "metrics.k8s.io/v1")]},
        "/apis/apps/v1": {"resources": [resource("deployments", "Deployment"), resource("replicasets", "ReplicaSet")]},
        "/apis/school.example/v1": {"resources": [resource("lessons", "Lesson")]},
        "/apis/metrics.k8s.io/v1": {"resources": [resource("pods", "PodMetrics", verbs="get list")]},
        "/api/v1/namespaces": [item("", name) for name in ("default", "kube-system", "student")],
    }
    for group, names in (("/api/v1", CORE), ("/apis/apps/v1", ["deployments", "replicasets"]),
                         ("/apis/school.example/v1", ["lessons"])):
        for name in names:
            objects.setdefault(f"{group}/{name}", [])
    return Pages(objects)


def harvest(api: Pages, *excepted: str, **spec: Any) -> harvest_objects.Harvest:
    return harvest_objects.harvest(api, ObjectsSpec(excepted=excepted or ("kube-*",), **spec), lambda _seconds: None)


def test_every_kind_that_can_be_made_in_a_namespace_is_asked_for(api: Pages) -> None:
    api.objects["/apis/school.example/v1/lessons"] = [item("student", "one", spec={"minutes": 45})]
    api.objects["/apis/apps/v1/deployments"] = [item("student", name) for name in ("a", "b", "c")]
    found = harvest(api)
    assert found.names() == [
        "student/Deployment/a", "student/Deployment/b", "student/Deployment/c", "student/Lesson/one"]
    asked = {call.split()[1].partition("?")[0] for call in api.calls}
    assert not asked & {"/api/v1/events", "/api/v1/bindings", "/apis/metrics.k8s.io/v1/pods", "/api/v1/pods/log"}


@pytest.mark.parametrize(("namespaces", "excepted", "found"), [
    (("*",), ("kube-*",), ["default", "student"]),
    (("*",), ("kube-*", "default"), ["student"]),
    (("stud*",), (), ["student"]),
    (("none",), (), []),
    # Called by its name it is meant, whatever the exceptions say
    (("kube-system",), ("kube-*",), ["kube-system"]),
    (("*", "kube-system"), ("kube-*",), ["default", "kube-system", "student"]),
])
def test_namespaces(api: Pages, namespaces: tuple[str, ...], excepted: tuple[str, ...], found: list[str]) -> None:
    api.objects["/api/v1/configmaps"] = [item(name, "x") for name in ("default", "kube-system", "student")]
    harvested = harvest_objects.harvest(api, ObjectsSpec(namespaces, excepted))
    assert list(harvested.namespaces) == found


def test_an_empty_namespace_belongs_to_a_user_but_the_default_one(api: Pages) -> None:
    assert harvest(api).namespaces == {
        "student": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "student", "namespace": ""}}]}


def test_a_namespace_that_is_going_is_left(api: Pages) -> None:
    api.objects["/api/v1/namespaces"] = [item("", "student", {"deletionTimestamp": "now"})]
    assert harvest(api).namespaces == {}


@pytest.mark.parametrize(("resource_name", "found", "work"), [
    ("pods", item("student", "lonely"), True),
    ("pods", item("student", "web-1-2", {"ownerReferences": OWNED}), False),
    ("pods", item("student", "web", {"ownerReferences": [{"kind": "App", "name": "a"}]}), True),
    ("pods", item("student", "web", {"deletionTimestamp": "now"}), False),
    ("configmaps", item("student", "kube-root-ca.crt"), False),
    ("configmaps", item("student", "page"), True),
    ("services", item("default", "kubernetes"), False),
    ("services", item("student", "kubernetes"), True),
    ("secrets", item("student", "t", type="kubernetes.io/service-account-token"), False),
    ("secrets", item("student", "t", type="Opaque"), True),
    ("secrets", item("student", "t"), True),
    ("serviceaccounts", item("student", "default"), False),
    ("serviceaccounts", item("student", "default", imagePullSecrets=[{"name": "pull"}]), True),
    ("serviceaccounts", item("student", "robot"), True),
])
def test_what_a_controller_created_is_not_harvested(resource_name: str, found: dict[str, Any], work: bool) -> None:
    assert harvest_objects.is_user_object(resource_name, found) == work


@pytest.mark.parametrize(("version", "kind", "found", "wanted"), [
    ("apps/v1", "Deployment",
     item("student", "web", {
         "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1",
                         "deployment.kubernetes.io/revision": "3"},
         "labels": {"app": "web"}, "finalizers": ["x"], "ownerReferences": [{"kind": "App"}]}, spec={"replicas": 2}),
     {"metadata": {"name": "web", "namespace": "student", "annotations": {"mine": "1"}, "labels": {"app": "web"}},
      "spec": {"replicas": 2}}),
    ("v1", "ConfigMap", item("student", "c", {"annotations": {}, "labels": {}}, data={"a": "b"}, immutable=True),
     {"metadata": {"name": "c", "namespace": "student"}, "data": {"a": "b"}, "immutable": True}),
    ("v1", "Service",
     item("student", "s", spec={"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "healthCheckNodePort": 3,
                                "ports": [{"port": 80, "nodePort": 30080}]}),
     {"metadata": {"name": "s", "namespace": "student"}, "spec": {"ports": [{"port": 80, "nodePort": 30080}]}}),
    ("v1", "Service", item("student", "s", spec={"clusterIP": "None", "clusterIPs": ["None"]}),
     {"metadata": {"name": "s", "namespace": "student"}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
    # A kind of the same name in another group is not Kubernetes' own
    ("serving.example/v1", "Service", item("student", "s", spec={"clusterIP": "x"}),
     {"metadata": {"name": "s", "namespace": "student"}, "spec": {"clusterIP": "x"}}),
    ("v1", "PersistentVolumeClaim",
     item("student", "p", {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
          spec={"volumeName": "pvc-8", "storageClassName": "local"}),
     {"metadata": {"name": "p", "namespace": "student"}, "spec": {"storageClassName": "local"}}),
    ("batch/v1", "Job",
     item("student", "j", {"labels": {"batch.kubernetes.io/controller-uid": "8", "mine": "1"}},
          spec={"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "8"}},
                "template": {"metadata": {"labels": {"controller-uid": "8", "job-name": "j"}}, "spec": {}}}),
     {"metadata": {"name": "j", "namespace": "student", "labels": {"mine": "1"}},
      "spec": {"template": {"metadata": {}, "spec": {}}}}),
    ("batch/v1", "Job",
     item("student", "j", spec={"manualSelector": True, "selector": {"a": "b"}, "template": {"spec": {}}}),
     {"metadata": {"name": "j", "namespace": "student"},
      "spec": {"manualSelector": True, "selector": {"a": "b"}, "template": {"spec": {}}}}),
    ("v1", "ServiceAccount", item("student", "robot", secrets=[{"name": "robot-token"}]),
     {"metadata": {"name": "robot", "namespace": "student"}}),
    ("v1", "Pod",
     item("student", "lonely", spec={
         "nodeName": "node1",
         "volumes": [{"name": "kube-api-access-x1", "projected": {}}, {"name": "page", "configMap": {}}],
         "containers": [{"name": "a", "volumeMounts": [{"name": "kube-api-access-x1"}]},
                        {"name": "b", "volumeMounts": [{"name": "page"}, {"name": "kube-api-access-x1"}]}],
         "initContainers": [{"name": "i", "volumeMounts": [{"name": "kube-api-access-x1"}]}]}),
     {"metadata": {"name": "lonely", "namespace": "student"},
      "spec": {"volumes": [{"name": "page", "configMap": {}}],
               "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "page"}]}],
               "initContainers": [{"name": "i"}]}}),
    ("v1", "Namespace",
     item("", "student", {"labels": {"kubernetes.io/metadata.name": "student"}}, spec={"finalizers": ["kubernetes"]}),
     {"metadata": {"name": "student", "namespace": ""}}),
])
def test_only_what_a_person_writes_is_kept(
    version: str, kind: str, found: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert harvest_objects.manifest_of(version, kind, found, ObjectsSpec()) == {
        "apiVersion": version, "kind": kind, **wanted}


SECRET = item("student", "pw", {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "czNjcmV0"}},
              type="Opaque", data={"password": "czNjcmV0", ".dockerconfigjson": "czNjcmV0"})


@pytest.mark.parametrize("secrets", [False, True])
def test_values_of_secrets_only_when_asked_for(api: Pages, secrets: bool) -> None:
    api.objects["/api/v1/secrets"] = [SECRET, item("student", "empty", type="Opaque")]
    found = harvest(api, secrets=secrets).namespaces["student"]
    text = harvest_objects.as_lines(found)
    assert ("czNjcmV0" in text) == secrets
    by_name = {each["metadata"]["name"]: each for each in map(json.loads, text.splitlines())}
    assert by_name["empty"] == {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                                "metadata": {"name": "empty", "namespace": "student"}}
    if secrets:
        assert by_name["pw"]["data"] == SECRET["data"] and "annotations" not in by_name["pw"]["metadata"]
    else:
        # The API refuses an image pull secret that is not JSON
        assert by_name["pw"]["stringData"] == {"password": "redacted", ".dockerconfigjson": "{}"}
        assert by_name["pw"]["metadata"]["annotations"] == {REDACTED_MARK: "true"} and "data" not in by_name["pw"]


def test_what_others_need_comes_first(api: Pages) -> None:
    api.objects["/api/v1/pods"] = [item("student", "a", spec={})]
    api.objects["/api/v1/serviceaccounts"] = [item("student", "z")]
    api.objects["/api/v1/services"] = [item("student", "s", spec={})]
    api.objects["/api/v1/configmaps"] = [item("student", "b"), item("student", "a")]
    kinds = [(each["kind"], each["metadata"]["name"]) for each in harvest(api).namespaces["student"]]
    assert kinds == [("Namespace", "student"), ("ServiceAccount", "z"), ("ConfigMap", "a"), ("ConfigMap", "b"),
                     ("Service", "s"), ("Pod", "a")]


OVERLOADED = Unavailable("GET /x at 192.0.2.1:6443: 500 conversion webhook for school.example/v1, Kind=Lesson failed")
SILENT = Unreachable("no answer from 192.0.2.1:6443: time ran out")
LESSONS = "/apis/school.example/v1/lessons"


@pytest.mark.parametrize(("path", "said"), [
    (LESSONS, "Lesson of school.example/v1 cannot be listed: "),
    ("/apis/school.example/v1", "The kinds of school.example/v1 are not known: "),
    ("/apis", "The kinds of all API groups are not known: "),
])
@pytest.mark.parametrize(
    "error", [OVERLOADED, SILENT, NotFound("404"), AccessDenied("403", 403), RequestRejected("405", 405)], ids=repr)
def test_one_resource_that_cannot_be_read_is_named_and_the_rest_harvested(
    api: Pages, path: str, said: str, error: ApiError
) -> None:
    api.failing[path] = [error]
    api.objects["/api/v1/configmaps"] = [item("student", "c")]
    found = harvest(api)
    assert found.names() == ["student/ConfigMap/c"]
    assert [each.startswith(said) for each in found.left_out] == [True]
    assert api.calls.count("GET " + path) == (2 if error is OVERLOADED else 1)


def test_a_moment_of_overload_costs_nothing(api: Pages) -> None:
    api.objects[LESSONS] = [item("student", name) for name in ("a", "b")]
    for path in (LESSONS, "/apis", "/api/v1", "/api/v1/namespaces"):
        api.failing[path] = [OVERLOADED, None]
    found = harvest(api)
    assert found.names() == ["student/Lesson/a", "student/Lesson/b"] and found.left_out == []


@pytest.mark.parametrize("path", ["/api/v1", "/apis", LESSONS])
def test_an_api_server_that_goes_away_ends_the_harvest(api: Pages, path: str) -> None:
    api.failing[path] = [SILENT]
    api.failing["/version"] = [SILENT]
    with pytest.raises(Unreachable):
        harvest(api)


def test_without_its_namespaces_there_is_no_harvest(api: Pages) -> None:
    api.failing["/api/v1/namespaces"] = [OVERLOADED]
    with pytest.raises(Unavailable):
        harvest(api)


def test_an_answer_that_is_no_json_is_named(api: Pages) -> None:
    api.objects["/apis/school.example/v1"] = "<html>"
    [sentence] = harvest(api).left_out
    assert sentence.startswith("The kinds of school.example/v1 are not known")


def test_a_server_of_measurements_that_is_down_loses_nothing(api: Pages) -> None:
    api.failing["/apis/metrics.k8s.io/v1"] = [OVERLOADED]
    assert harvest(api).left_out == []


@pytest.mark.parametrize(("there", "reason", "left_out", "found"), [
    ((), "", [], []),
    ((), "", ["Lesson cannot be listed."], ["Lesson cannot be listed."]),
    ((), "no admin.conf", [], []),
    (("/etc/kubernetes/admin.conf",), "refused", [], ["refused"]),
    (("/var/lib/etcd/member/wal",), "no admin.conf", [], ["no admin.conf"]),
    (("/etc/kubernetes/manifests/kube-apiserver.yaml",), "no admin.conf", [], ["no admin.conf"]),
])
def test_what_is_missing_before_a_reset(
    lab: Lab, there: tuple[str, ...], reason: str, left_out: list[str], found: list[str]
) -> None:
    for path in there:
        lab.write(path)
    harvested = harvest_objects.Harvest(left_out=left_out)
    assert harvest_objects.missing(lab.machine.root, "/etc/kubernetes/admin.conf", harvested, reason) == found


def test_a_kind_that_cannot_be_listed_is_named(api: Pages) -> None:
    del api.objects["/apis/school.example/v1/lessons"]
    [sentence] = harvest(api).left_out
    assert sentence.startswith("Lesson of school.example/v1 cannot be listed")


@pytest.mark.parametrize("broken", [Unreachable("no answer from 192.0.2.1:6443: refused"), AccessDenied("401", 401)])
def test_a_control_plane_that_is_down_is_a_reason_and_no_error(lab: Lab, broken: ApiError) -> None:
    lab.write("/etc/kubernetes/admin.conf", kubeconfig_text("https://192.0.2.1:6443", "ca", "c", "k"))
    lab.api.broken = broken
    found, reason = harvest_objects.of_cluster(lab.machine, "/etc/kubernetes/admin.conf", ObjectsSpec(), 1)
    assert found.namespaces == {} and reason == f"The objects were not harvested: {broken}."


@pytest.mark.parametrize(("text", "said"), [
    (None, "there is no"), ("apiVersion: v1\n", "is not a complete kubeconfig")])
def test_a_host_without_a_cluster_is_no_error(lab: Lab, text: str | None, said: str) -> None:
    if text is not None:
        lab.write("/etc/kubernetes/admin.conf", text)
    found, reason = harvest_objects.of_cluster(lab.machine, "/etc/kubernetes/admin.conf", ObjectsSpec(), 1)
    assert found.namespaces == {} and said in reason


@pytest.fixture
def lab(tmp_path: Any) -> Lab:
    return Lab(tmp_path)
