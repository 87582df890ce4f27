# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export the objects of students as manifests for `kubectl apply -f`, in this cluster or another.

Every kind that the API serves in namespaces is read, including custom resources. A manifest contains only what a user
would have written. Objects that a controller creates are skipped, because they would be created twice.
"""

from __future__ import annotations

import fnmatch
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Callable

from .._core.errors import ClassroomError
from .._core.files import Root
from .._kube.api import Api, ApiError, Unavailable, Unreachable
from .._kube.context import NodeContext
from .._kube.kubeconfig import load

Json = dict[str, Any]

# Resources that only record events, or that a controller fills for a Service or a Node.
RECORDS = frozenset({
    "events", "endpoints", "endpointslices", "leases", "controllerrevisions", "resourceclaimstatuses",
    "csistoragecapacities", "ciliumendpoints",
})
# API groups that only report measurements: they store nothing, so nothing is lost if their server is down.
MEASUREMENTS = frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"})
# Each of these shows that a host has, or had, a control plane whose objects a reset deletes.
CONTROL_PLANE = ("/etc/kubernetes/manifests/kube-apiserver.yaml", "/var/lib/etcd/member")
# Kinds that other objects depend on, in the order in which they are applied; all others follow.
ORDER = (
    "Namespace", "ServiceAccount", "Secret", "ConfigMap", "LimitRange", "ResourceQuota", "PersistentVolumeClaim",
    "Role", "RoleBinding", "Service",
)
REDACTED = "redacted"
REDACTED_MARK = "classroom.kubeadm/redacted"

_SERVER_SIDE = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation",
    "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
)
# Annotations of kubectl and of controllers. That of kubectl contains the whole former object, including Secret values.
_NOTES = (
    "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation", "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
    "batch.kubernetes.io/job-tracking", "control-plane.alpha.kubernetes.io/leader",
)
_JOB_LABELS = (
    "controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
_OWN_SECRETS = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
# The API rejects Secrets with these keys unless the value is JSON.
_JSON_VALUES = (".dockerconfigjson", ".dockercfg")
_API_TOKEN = "kube-api-access-"
_PAGE = 500
# Seconds before a request that was answered with 429 or 5xx is repeated once.
_RETRY_DELAY = 2.0


@dataclass(frozen=True)
class ObjectsSpec:
    """Patterns of namespaces to harvest and to exclude, and whether Secrets keep their values."""

    namespaces: tuple[str, ...] = ("*",)
    excepted: tuple[str, ...] = ()
    secrets: bool = False

    def takes(self, namespace: str) -> bool:
        """Return whether a namespace is harvested. A namespace listed by its exact name is never excluded."""
        if namespace in self.namespaces:
            return True
        return _fits(namespace, self.namespaces) and not _fits(namespace, self.excepted)


@dataclass(frozen=True)
class Resource:
    """A kind that the API serves in namespaces."""

    path: str
    name: str
    kind: str
    version: str


@dataclass
class Harvest:
    """Manifests by namespace, in the order in which to apply them; `left_out` are messages."""

    namespaces: dict[str, list[Json]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the harvested objects as NAMESPACE/KIND/NAME."""
        return [
            "{}/{}/{}".format(namespace, manifest["kind"], manifest["metadata"]["name"])
            for namespace, manifests in self.namespaces.items() for manifest in manifests
            if manifest["kind"] != "Namespace"
        ]


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def of_cluster(machine: NodeContext, kubeconfig: str, spec: ObjectsSpec, timeout: float) -> tuple[Harvest, str]:
    """Return the harvest, or an empty one and the reason.

    An unreachable control plane is no error, so that the files of the host are harvested nevertheless.
    """
    form = "The objects were not harvested: {0}."
    try:
        admin = load(machine.root, kubeconfig)
        if admin is None:
            return Harvest(), form.format(f"there is no {kubeconfig} on this host")
        return harvest(machine.connect(admin.server, admin.ca, admin, timeout), spec, machine.sleep), ""
    except (ApiError, ClassroomError) as problem:
        return Harvest(), form.format(str(problem).rstrip("."))


def missing(root: Root, kubeconfig: str, found: Harvest, reason: str) -> list[str]:
    """Return messages about objects that the host's cluster may have and the harvest has not."""
    if not reason:
        return list(found.left_out)
    has_cluster = any(os.path.exists(root(path)) for path in (kubeconfig, *CONTROL_PLANE))
    return [reason] if has_cluster else []


class _RetryingApi:
    """An API client that repeats a request once after 429 or 5xx: the server may be overloaded for a moment only."""

    def __init__(self, api: Api, sleep: Callable[[float], None]) -> None:
        self._api = api
        self._sleep = sleep

    def get(self, path: str) -> Any:
        try:
            return self._api.get(path)
        except Unavailable:
            self._sleep(_RETRY_DELAY)
            return self._api.get(path)

    def answers(self) -> bool:
        """Return whether the server answers at all, after a request without an answer."""
        try:
            self._api.get("/version")
        except Unavailable:
            return True
        except ApiError:
            return False
        return True


def harvest(api: Api, spec: ObjectsSpec, sleep: Callable[[float], None] = time.sleep) -> Harvest:
    """Read all objects of the namespaces of `spec`.

    A resource that cannot be read is named in `left_out`. Raise ApiError if the server is unreachable or does not list
    its namespaces.
    """
    return _harvest(_RetryingApi(api, sleep), spec)


def _harvest(api: _RetryingApi, spec: ObjectsSpec) -> Harvest:
    found = Harvest()
    for namespace in _items(api, "/api/v1/namespaces"):
        name = namespace["metadata"]["name"]
        if spec.takes(name) and not namespace["metadata"].get("deletionTimestamp"):
            found.namespaces[name] = [] if name == "default" else [manifest_of("v1", "Namespace", namespace, spec)]
    for resource in resources(api, found.left_out):
        for item in _listed(api, resource, found.left_out):
            namespace = item["metadata"].get("namespace", "")
            if namespace in found.namespaces and is_user_object(resource.name, item):
                found.namespaces[namespace].append(manifest_of(resource.version, resource.kind, item, spec))
    found.namespaces = {
        name: sorted(manifests, key=_place) for name, manifests in sorted(found.namespaces.items()) if manifests}
    return found


def _place(manifest: Json) -> tuple[int, str, str]:
    kind = manifest["kind"]
    return ORDER.index(kind) if kind in ORDER else len(ORDER), kind, manifest["metadata"]["name"]


def _items(api: _RetryingApi, path: str) -> Iterator[Json]:
    """Yield all objects of a collection, read page by page: a class may have created thousands."""
    token = ""
    while True:
        answer = api.get("{}?limit={}{}".format(path, _PAGE, "&continue=" + token if token else ""))
        yield from answer.get("items") or ()
        token = (answer.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def resources(api: _RetryingApi, left_out: list[str]) -> Iterator[Resource]:
    """Yield every kind that can be listed and created in a namespace, in the preferred version of the API."""
    yield from _resources_of("/api/v1", "v1", _served(api, "/api/v1", "v1", left_out))
    for group in _served(api, "/apis", "all API groups", left_out).get("groups") or ():
        version = group["preferredVersion"]["groupVersion"]
        if version.partition("/")[0] not in MEASUREMENTS:
            path = "/apis/" + version
            yield from _resources_of(path, version, _served(api, path, version, left_out))


def _served(api: _RetryingApi, path: str, version: str, left_out: list[str]) -> Json:
    """Return the discovery document at a path, empty if it cannot be read."""
    try:
        answer = api.get(path)
        if isinstance(answer, dict):
            return answer
        problem = ApiError(f"{path} is answered with something that is not JSON")
    except ApiError as error:
        problem = error
        _one_of_many(api, problem)
    left_out.append("The kinds of {} are not known: {}.".format(version, str(problem).rstrip(".")))
    return {}


def _one_of_many(api: _RetryingApi, problem: ApiError) -> None:
    """Raise `problem` unless it concerns one request only.

    A request may time out although the server works: the timeout of a resource's conversion webhook is longer than that
    of this client.
    """
    if isinstance(problem, Unreachable) and not isinstance(problem, Unavailable) and not api.answers():
        raise problem


def _resources_of(path: str, version: str, served: Json) -> Iterator[Resource]:
    for each in served.get("resources") or ():
        name, verbs = each["name"], each.get("verbs") or ()
        if each.get("namespaced") and "/" not in name and name not in RECORDS and {"list", "create"} <= set(verbs):
            yield Resource(f"{path}/{name}", name, each["kind"], version)


def _listed(api: _RetryingApi, resource: Resource, left_out: list[str]) -> Iterator[Json]:
    try:
        yield from _items(api, resource.path)
    except ApiError as problem:
        _one_of_many(api, problem)
        left_out.append("{} of {} cannot be listed: {}.".format(
            resource.kind, resource.version, str(problem).rstrip(".")))


def is_user_object(resource: str, item: Json) -> bool:
    """Return whether a user created an object, and not a controller or the API server."""
    metadata = item["metadata"]
    owners = metadata.get("ownerReferences") or ()
    if metadata.get("deletionTimestamp") or any(owner.get("controller") for owner in owners):
        return False
    name = metadata["name"]
    if resource == "configmaps":
        return bool(name != "kube-root-ca.crt")
    if resource == "services":
        return (metadata["namespace"], name) != ("default", "kubernetes")
    if resource == "secrets":
        return item.get("type") not in _OWN_SECRETS
    if resource == "serviceaccounts" and name == "default":
        return bool(item.get("imagePullSecrets") or metadata.get("annotations") or metadata.get("labels"))
    return True


def manifest_of(version: str, kind: str, item: Json, spec: ObjectsSpec) -> Json:
    """Return the manifest of an object as its author would write it."""
    manifest: Json = {"apiVersion": version, "kind": kind, "metadata": _metadata(item["metadata"])}
    manifest.update(
        (key, value) for key, value in item.items() if key not in ("apiVersion", "kind", "metadata", "status"))
    if kind in _CLEANERS and version in ("v1", "batch/v1"):
        _CLEANERS[kind](manifest)
    if kind == "Secret" and version == "v1" and not spec.secrets:
        _redact(manifest)
    return manifest


def _metadata(metadata: Json) -> Json:
    kept = {key: value for key, value in metadata.items() if key not in _SERVER_SIDE}
    annotations = {key: value for key, value in (kept.pop("annotations", None) or {}).items() if key not in _NOTES}
    if annotations:
        kept["annotations"] = annotations
    labels = {
        key: value for key, value in (kept.pop("labels", None) or {}).items() if key != "kubernetes.io/metadata.name"}
    if labels:
        kept["labels"] = labels
    return {"name": kept.pop("name"), **kept}


def _redact(secret: Json) -> None:
    """Replace the values of a Secret and annotate it. The keys stay, so that pods that mount them start."""
    keys = [*(secret.pop("data", None) or {}), *(secret.pop("stringData", None) or {})]
    if keys:
        secret["stringData"] = {key: "{}" if key in _JSON_VALUES else REDACTED for key in keys}
        secret["metadata"].setdefault("annotations", {})[REDACTED_MARK] = "true"


def _clean_namespace(manifest: Json) -> None:
    manifest.pop("spec", None)


def _clean_service(manifest: Json) -> None:
    """Remove the addresses of a Service, which may be in use in another cluster."""
    spec = manifest["spec"]
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    spec.pop("healthCheckNodePort", None)


def _clean_claim(manifest: Json) -> None:
    """Remove the volume of a claim, which does not exist in another cluster."""
    manifest["spec"].pop("volumeName", None)


def _clean_job(manifest: Json) -> None:
    spec = manifest["spec"]
    if not spec.get("manualSelector"):
        spec.pop("selector", None)
        for metadata in (manifest["metadata"], spec["template"].get("metadata") or {}):
            _drop(metadata, "labels", _JOB_LABELS)


def _clean_account(manifest: Json) -> None:
    manifest.pop("secrets", None)


def _clean_pod(manifest: Json) -> None:
    """Remove the node that the scheduler chose, and the token that admission mounts into every pod."""
    spec = manifest["spec"]
    spec.pop("nodeName", None)
    tokens = {volume["name"] for volume in spec.get("volumes") or () if volume["name"].startswith(_API_TOKEN)}
    _without(spec, "volumes", "name", tokens)
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        _without(container, "volumeMounts", "name", tokens)


def _drop(where: Json, key: str, names: Sequence[str]) -> None:
    left = {name: value for name, value in (where.get(key) or {}).items() if name not in names}
    where.pop(key, None)
    if left:
        where[key] = left


def _without(where: Json, key: str, field_name: str, values: set[str]) -> None:
    left = [each for each in where.get(key) or () if each[field_name] not in values]
    where.pop(key, None)
    if left:
        where[key] = left


_CLEANERS = {
    "Namespace": _clean_namespace,
    "Service": _clean_service,
    "PersistentVolumeClaim": _clean_claim,
    "Job": _clean_job,
    "ServiceAccount": _clean_account,
    "Pod": _clean_pod,
}


def as_lines(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return manifests as JSON, one in each line, which kubectl accepts, too."""
    return "".join(json.dumps(manifest, ensure_ascii=False) + "\n" for manifest in manifests)


def write_archive(found: Harvest, stream: IO[bytes]) -> None:
    """Write a gzip-compressed tar archive with a file <namespace>.json for each namespace.

    The controller converts them to YAML: it has a library for that, which a managed host need not have.
    """
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for namespace, manifests in found.namespaces.items():
            content = as_lines(manifests).encode("utf-8", "surrogatepass")
            member = tarfile.TarInfo(namespace + ".json")
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
