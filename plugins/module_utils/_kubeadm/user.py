# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubeconfig for an ordinary user: a certificate that the cluster signed, and a role bound to the user's name.

The key is created on the host and never leaves it. Files in a home are read and written with the rights of its owner,
so that a symbolic link there gives no access beyond that of the owner.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from .._core.errors import ClassroomError
from .._core.files import read_text, write_text
from .._core.owner_rights import Account, acting_as
from .._core.plan import Change
from .._formats import x509, yaml_reader
from .._kube.admin import NoAdministrator, administrator, request_error
from .._kube.api import AccessDenied, Api, ApiError, NotFound, RequestRejected, address, segment
from .._kube.context import NodeContext
from .._kube.former_kubeconfig import set_aside
from .._kube.kubeconfig import Kubeconfig
from .private_files import private_files

SIGNER = "kubernetes.io/kube-apiserver-client"
_REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_AUTHENTICATED = "system:authenticated"
_NAMESPACES = "/api/v1/namespaces"
_MANAGED = {"app.kubernetes.io/managed-by": "classroom.kubeadm"}
# The levels of https://kubernetes.io/docs/concepts/security/pod-security-standards/
POD_SECURITY = ("privileged", "baseline", "restricted")
_ENFORCE = "pod-security.kubernetes.io/enforce"
_DAY = 86400.0
# The controller manager signs for a year at most, the API accepts no shorter validity than this many seconds.
_MOST_DAYS = 365
_SHORTEST = 600.0
# Seconds. The end of a signed certificate differs from the requested one by some seconds or minutes.
_NEAR = 3600.0
_SIGNING = 30.0
_SECRET = 0o600
_BEHIND = re.compile(r"[^a-z0-9.-]+")
_CONFLICT = 409


@dataclass(frozen=True)
class UserSpec:
    """The desired user: groups, role and kubeconfig. Without a namespace the role applies to the whole cluster.

    `until` is the last day of the certificate as a date and takes precedence over `days`. `account` is the user of the
    host who owns the file, if that is not `user`.
    """

    user: str
    groups: tuple[str, ...] = ()
    cluster_role: str = ""
    namespace: str = ""
    cluster: str = "kubernetes"
    days: int = _MOST_DAYS
    renew_days: int = 30
    until: str = ""
    account: str = ""
    make_namespace: bool = False
    pod_security: str = "baseline"

    @property
    def binding(self) -> str:
        """The path of the binding in the API."""
        return _binding(self.namespace, self.binding_name)

    @property
    def end(self) -> float:
        """The end of the last day in seconds since the epoch, 0 if none is requested."""
        return end_of(self.until) if self.until else 0.0

    @property
    def binding_name(self) -> str:
        return "classroom-kubeadm:" + self.user


@dataclass(frozen=True)
class KubeconfigFile:
    """The file at the path of the kubeconfig. All attributes are None if there is none."""

    text: str | None = None
    mode: int | None = None
    owner: int | None = None


@dataclass(frozen=True)
class KubeconfigEntries:
    """One context of a kubeconfig with its cluster and its user."""

    server: str
    ca: str
    certificate: str
    key: str
    namespace: str
    current: bool


@dataclass(frozen=True)
class UserState:
    """The current state of the user's kubeconfig, roles and namespace.

    `kubeconfig_problem` is the reason to replace the kubeconfig, empty if it can stay.
    """

    kubeconfig_problem: str = ""
    namespace: str = ""
    # The roles of the bindings of the user's name by their paths in the API; None if no role is requested.
    roles: Mapping[str, str] | None = None
    no_namespace: bool = False
    # The pod security level that the namespace enforces, "" for none; None if this collection must not set it.
    pod_security: str | None = None
    warning: str = ""
    file: KubeconfigFile = KubeconfigFile()


def _binding(namespace: str, name: str) -> str:
    kind = "rolebindings" if namespace else "clusterrolebindings"
    inside = f"/namespaces/{segment(namespace)}" if namespace else ""
    return f"{_RBAC}{inside}/{kind}/{segment(name)}"


def end_of(date: str) -> float:
    """Return the end of a day in UTC, in seconds since the epoch."""
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError as problem:
        raise ClassroomError(
            f"The last day of a certificate is invalid: expected a date such as 2026-12-18, found '{date}'. "
            "Correct until.") from problem
    return (day + timedelta(days=1)).timestamp()


def validate(spec: UserSpec) -> None:
    """Raise ClassroomError for a user that the cluster would reject or whose rights could not be revoked."""
    if "system:masters" in spec.groups:
        raise ClassroomError(
            f"system:masters cannot be granted to {spec.user}: the API server does not sign such certificates and the "
            "group cannot be revoked. Use cluster_role 'cluster-admin' instead.")
    if not spec.until and (not 1 <= spec.days <= _MOST_DAYS or not 0 <= spec.renew_days < spec.days):
        raise ClassroomError(
            f"The validity of the certificate is invalid: expected 1 to {_MOST_DAYS} days and fewer renew_days, found "
            f"{spec.days} days and {spec.renew_days} renew_days. Correct days or renew_days.")
    if spec.make_namespace and not spec.namespace:
        raise ClassroomError(
            f"The namespace for {spec.user} has no name: expected the option namespace, found none. Set namespace.")
    if spec.namespace and not spec.cluster_role:
        raise ClassroomError(
            f"The rights of {spec.user} in the namespace {spec.namespace} are missing: expected the option "
            "cluster_role, found none. Set cluster_role, for example to 'edit'.")


def validate_end(spec: UserSpec, now: float, admin: Kubeconfig) -> None:
    """Raise ClassroomError for a last day that is over, or that no certificate of this cluster can have."""
    if not spec.until:
        return
    wanted = f"The certificate for {spec.user} cannot be valid until {spec.until}: "
    if spec.end - now < _SHORTEST:
        raise ClassroomError(wanted + f"this day is over by the clock of this host ({x509.as_date(now)}). Set until to "
                                      "a later day.")
    if spec.end - now > (_MOST_DAYS + 1) * _DAY:
        raise ClassroomError(wanted + f"clusters sign for {_MOST_DAYS} days at most. Set until to an earlier day; a "
                                      "later run creates the next certificate.")
    authority = x509.read(admin.ca).not_after
    if spec.end > authority:
        raise ClassroomError(wanted + f"the cluster's own CA ends on {x509.as_date(authority)}. Set until to an "
                                      "earlier day, or renew the CA.")


def account_of(name: str, lookup: Callable[[str], Any]) -> Account:
    """Return the account of a user of the host.

    `lookup` is pwd.getpwnam, so that users of a directory service count as well. Raise ClassroomError for an unknown
    user or one without a home.
    """
    try:
        found = lookup(name)
    except KeyError as problem:
        raise ClassroomError(
            f"The kubeconfig has no owner: expected the user {name}, found no such user on this host. Create the user "
            "first, or correct the name.") from problem
    if not os.path.isabs(found.pw_dir) or found.pw_dir == "/":
        raise ClassroomError(
            f"The user {name} has no usable home: expected a directory, found '{found.pw_dir}'. Give the user a home.")
    return Account(name, found.pw_uid, found.pw_gid, found.pw_dir)


def path_of(account: Account, given: str | None) -> str:
    return given or os.path.join(account.home, ".kube", "config")


def read_file(machine: NodeContext, account: Account, path: str) -> KubeconfigFile:
    """Read the kubeconfig with the rights of its owner; raise ClassroomError if that is not possible."""
    with acting_as(account):
        try:
            found = os.stat(machine.root(path))
        except FileNotFoundError:
            return KubeconfigFile()
        except OSError as problem:
            raise ClassroomError(
                f"Cannot read {path} as {account.name}: {problem.strerror}. Make that user its owner.") from problem
        if not stat.S_ISREG(found.st_mode):
            raise ClassroomError(f"{path} is not a kubeconfig: expected a regular file, found another type. Move it "
                                 "away.")
        if not os.access(machine.root(path), os.R_OK, effective_ids=True):
            raise ClassroomError(
                f"Cannot read {path} as {account.name}: permission denied. Make that user its owner.")
        return KubeconfigFile(read_text(machine.root(path)), stat.S_IMODE(found.st_mode), found.st_uid)


def entries(text: str) -> list[KubeconfigEntries]:
    """Return all contexts of a kubeconfig in the form in which kubectl writes it, the current one first."""
    try:
        document = yaml_reader.load(text)
        if not document:
            return []
        found = [_entry(document, each) for each in document.get("contexts") or []]
    except (yaml_reader.NotPlainYaml, ValueError, LookupError, AttributeError, TypeError) as problem:
        raise ClassroomError("it is not in the form in which kubectl writes it") from problem
    return sorted(found, key=lambda entry: not entry.current)


def _entry(document: Mapping[str, Any], context: Mapping[str, Any]) -> KubeconfigEntries:
    inner = context.get("context") or {}
    cluster = _named(document, "clusters", "cluster", inner.get("cluster"))
    user = _named(document, "users", "user", inner.get("user"))
    return KubeconfigEntries(
        server=str(cluster.get("server") or ""),
        ca=_decoded(cluster, "certificate-authority-data"),
        certificate=_decoded(user, "client-certificate-data"),
        key=_decoded(user, "client-key-data"),
        namespace=str(inner.get("namespace") or ""),
        current=context.get("name") == document.get("current-context"),
    )


def _named(document: Mapping[str, Any], group: str, kind: str, name: Any) -> Mapping[str, Any]:
    for entry in document.get(group) or []:
        if entry.get("name") == name:
            return dict(entry.get(kind) or {})
    return {}


def _decoded(entry: Mapping[str, Any], key: str) -> str:
    return base64.b64decode(str(entry.get(key) or ""), validate=True).decode("utf-8")


def read_state(
    spec: UserSpec, machine: NodeContext, admin: Kubeconfig, api: Api, account: Account, path: str
) -> UserState:
    """Read the current state of the user from the host and from the API."""
    file = read_file(machine, account, path)
    problem, namespace = _checked_entries(spec, machine, admin, file, path)
    roles = _bound_roles(spec, api) if spec.cluster_role else None
    no_namespace, enforced, warning = _read_namespace(spec, api) if spec.make_namespace else (False, None, "")
    return UserState(problem, namespace, roles, no_namespace, enforced, warning, file)


def _checked_entries(
    spec: UserSpec, machine: NodeContext, admin: Kubeconfig, file: KubeconfigFile, path: str
) -> tuple[str, str]:
    """Return why the kubeconfig has to be replaced (empty if it can stay), and the namespace that is set in it."""
    if file.text is None or not file.text.strip():
        return "there is none", ""
    try:
        found = entries(file.text)
    except ClassroomError as problem:
        raise _rejection(spec, path, str(problem)) from problem
    ours = [entry for entry in found if _is_this_clusters(entry, admin)]
    for entry in ours:
        if not _unfit(spec, machine, admin, entry):
            return "", entry.namespace
    if not found:
        return "it leads to no cluster", ""
    if len(ours) < len(found):
        strangers = sorted({address(entry.server) for entry in found if entry not in ours})
        raise _rejection(spec, path, "it leads to {} too".format(", ".join(strangers)) if ours
                         else "it leads to {}".format(", ".join(strangers)))
    return _unfit(spec, machine, admin, ours[0]), ours[0].namespace


def _rejection(spec: UserSpec, path: str, found: str) -> ClassroomError:
    return ClassroomError(
        f"{path} was not replaced: expected the kubeconfig of {spec.user} for this cluster, but {found}. Move the file "
        "away, or set another path.")


def _is_this_clusters(entry: KubeconfigEntries, admin: Kubeconfig) -> bool:
    """Return whether a context belongs to this cluster, by CA or address; the address may be of a former cluster."""
    return entry.ca.strip() == admin.ca.strip() or address(entry.server) == address(admin.server)


def _unfit(spec: UserSpec, machine: NodeContext, admin: Kubeconfig, entry: KubeconfigEntries) -> str:
    if entry.ca.strip() != admin.ca.strip():
        return "it is of a former cluster"
    if address(entry.server) != address(admin.server):
        return "the cluster is at another address"
    if not entry.certificate or not entry.key:
        return "it has no certificate"
    try:
        certificate = x509.read(entry.certificate)
    except ClassroomError:
        return "its certificate cannot be read"
    if certificate.common_name != spec.user:
        return f"it is of the user {certificate.common_name}"
    if certificate.date_problem(machine.now()):
        return "its certificate " + certificate.date_problem(machine.now())
    if spec.until and abs(certificate.not_after - spec.end) > _NEAR:
        return f"its certificate ends on {x509.as_date(certificate.not_after)}, expected the end of {spec.until}"
    if not spec.until and certificate.not_after - machine.now() < spec.renew_days * _DAY:
        return f"its certificate ends on {x509.as_date(certificate.not_after)}"
    if spec.make_namespace and not entry.namespace:
        return "it names no namespace"
    return _unknown(spec, machine, admin, entry)


def _unknown(spec: UserSpec, machine: NodeContext, admin: Kubeconfig, entry: KubeconfigEntries) -> str:
    """Return what the API server has against key and certificate, empty if it knows the user with these groups."""
    identity = Kubeconfig("of the user", admin.server, admin.ca, entry.certificate, entry.key)
    client = machine.connect(admin.server, admin.ca, identity)
    try:
        answer = client.post(_REVIEW, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        info = answer["status"]["userInfo"]
    except AccessDenied:
        return "the cluster does not accept its certificate"
    except ApiError as problem:
        return f"the cluster cannot be queried with it: {problem}"
    groups = set(info.get("groups") or []) - {_AUTHENTICATED}
    if info.get("username") != spec.user or groups != set(spec.groups):
        return "it is of {} with the groups {}".format(info.get("username"), ", ".join(sorted(groups)) or "none")
    return ""


def _bound_roles(spec: UserSpec, api: Api) -> dict[str, str]:
    """Return the roles of all bindings of this name, cluster-wide and in namespaces, by their paths in the API."""
    found = {}
    try:
        everywhere = _binding("", spec.binding_name)
        found[everywhere] = _role_of(spec, api.get(everywhere))
    except NotFound:
        pass
    listed = api.get(f"{_RBAC}/rolebindings?fieldSelector=metadata.name%3D{segment(spec.binding_name)}")
    for item in listed["items"]:
        found[_binding(item["metadata"]["namespace"], spec.binding_name)] = _role_of(spec, item)
    return found


def _role_of(spec: UserSpec, binding: Mapping[str, Any]) -> str:
    subjects = [(one.get("kind"), one.get("name")) for one in binding.get("subjects") or []]
    role = binding.get("roleRef") or {}
    if subjects != [("User", spec.user)] or role.get("kind") != "ClusterRole":
        return "another"
    return str(role.get("name") or "another")


def _read_namespace(spec: UserSpec, api: Api) -> tuple[bool, str | None, str]:
    """Return whether the namespace is missing, the level of pod security that it enforces, and a warning.

    The level is None, and there may be a warning, for a namespace that this collection did not create: its labels are
    left alone.
    """
    try:
        found = api.get(f"{_NAMESPACES}/{segment(spec.namespace)}")
    except NotFound:
        return True, None, ""
    labels = (found.get("metadata") or {}).get("labels") or {}
    enforced = str(labels.get(_ENFORCE) or "")
    if all(labels.get(key) == value for key, value in _MANAGED.items()):
        return False, enforced, ""
    if enforced == spec.pod_security:
        return False, None, ""
    return False, None, (
        "The namespace {0} was not created by this collection, and its pod security was not changed: expected {1} to "
        "be enforced, found {2}. Set it with 'kubectl label --overwrite namespace {0} {3}={1}'.".format(
            spec.namespace, spec.pod_security, enforced or "no level", _ENFORCE))


def plan(spec: UserSpec, state: UserState, account: Account, path: str) -> list[Change]:
    """Return the changes from the current to the desired state, in their order."""
    steps = []
    if state.no_namespace:
        steps.append(Change("namespace", spec.namespace, "absent", "present", "there is none"))
    elif state.pod_security not in (None, spec.pod_security):
        steps.append(Change("pod security", f"of namespace {spec.namespace}", state.pod_security or "none",
                            spec.pod_security, "another level is enforced" if state.pod_security
                            else "no level is enforced"))
    steps += _role_steps(spec, state.roles or {}) if spec.cluster_role else []
    if state.kubeconfig_problem:
        steps.append(Change("kubeconfig", path, "see the reason", f"{spec.user} at this cluster",
                            state.kubeconfig_problem))
    elif state.file.mode is not None and state.file.mode & 0o077:
        steps.append(Change("mode", path, f"{state.file.mode:04o}", f"{_SECRET:04o}",
                            "others could read the key"))
    return steps


def _role_steps(spec: UserSpec, roles: Mapping[str, str]) -> list[Change]:
    """Return the changes for the desired binding, and for the removal of bindings that earlier runs made elsewhere."""
    steps = []
    role = roles.get(spec.binding, "")
    if role != spec.cluster_role:
        steps.append(Change("role", f"of {spec.user}", role or "none", _role_words(spec),
                            "another is bound" if role else "none is bound"))
    others = sorted(path for path in roles if path != spec.binding)
    return steps + [_unbind_step(path, roles[path], "it is bound elsewhere now") for path in others]


def _unbind_step(path: str, role: str, reason: str) -> Change:
    return Change("binding", path, role, "none", reason)


def plan_absence(spec: UserSpec, roles: Mapping[str, str], file: KubeconfigFile, path: str) -> list[Change]:
    reason = f"{spec.user} is not to be there any more"
    steps = [_unbind_step(each, roles[each], reason) for each in sorted(roles)]
    if file.text is not None:
        steps.append(Change("removal", path, "present", "absent", reason))
    return steps


def _role_words(spec: UserSpec) -> str:
    return spec.cluster_role + (f" in {spec.namespace}" if spec.namespace else "")


class Performer:
    """The performer of planned changes. The role is bound first, so that a kubeconfig works once it exists."""

    def __init__(self, spec: UserSpec, machine: NodeContext, admin: Kubeconfig, api: Api, account: Account) -> None:
        self._spec = spec
        self._machine = machine
        self._admin = admin
        self._api = api
        self._account = account

    def perform(self, steps: list[Change], state: UserState, path: str) -> None:
        for step in steps:
            if step.action == "namespace":
                self._make(_NAMESPACES, namespace_of(self._spec))
            elif step.action == "pod security":
                self._api.patch(f"{_NAMESPACES}/{segment(self._spec.namespace)}", {
                    "metadata": {"labels": {_ENFORCE: self._spec.pod_security}}})
            elif step.action == "role":
                self._bind(state)
            elif step.action == "binding":
                self._unbind(step.target)
            elif step.action == "kubeconfig":
                self._give(state, path)
            elif step.action == "mode":
                with acting_as(self._account):
                    os.chmod(self._machine.root(path), _SECRET)
            elif step.action == "removal":
                with acting_as(self._account):
                    os.remove(self._machine.root(path))

    def _bind(self, state: UserState) -> None:
        # The role of a binding is immutable.
        if (state.roles or {}).get(self._spec.binding):
            self._api.delete(self._spec.binding)
        self._make(self._spec.binding.rpartition("/")[0], binding_of(self._spec))

    def _unbind(self, path: str) -> None:
        # The binding may have been removed meanwhile.
        with suppress(NotFound):
            self._api.delete(path)

    def _make(self, collection: str, body: dict[str, Any]) -> None:
        try:
            self._api.post(collection, body)
        except RequestRejected as problem:
            # Another run created the object meanwhile; the next run compares it with the desired state.
            if problem.status != _CONFLICT:
                raise

    def _give(self, state: UserState, path: str) -> None:
        key, request = self._key_and_request()
        certificate = self._signed(request)
        self._check_signed(certificate)
        text = kubeconfig_text(
            self._spec, self._admin, certificate, key, state.namespace or self._spec.namespace)
        former = (state.file.text or "").strip()
        with acting_as(self._account):
            if former and not entries(former):
                # A kubeconfig without a cluster is the user's own. It is not recorded in before.json, because root
                # writes nothing into homes.
                set_aside(self._machine.root(path))
            directory = os.path.dirname(self._machine.root(path))
            if not os.path.isdir(directory):
                os.makedirs(directory, mode=0o700)
            write_text(self._machine.root(path), text, _SECRET)

    def _key_and_request(self) -> tuple[str, str]:
        """Return a new private key and the request for its certificate, both PEM.

        openssl writes the key into a directory of root on a tmpfs; if this run is killed, the next one removes it.
        """
        settings = ("[req]\ndistinguished_name = subject\nprompt = no\nstring_mask = utf8only\n[subject]\n"
                    + subject_lines(self._spec))
        with private_files(self._machine, {"settings": settings}) as work:
            key, request = (os.path.join(work, name) for name in ("key", "request"))
            self._machine.run(
                ["openssl", "req", "-new", "-config", os.path.join(work, "settings"), "-utf8", "-newkey", "ec",
                 "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", request])
            return read_text(key) or "", read_text(request) or ""

    def _signed(self, request: str) -> str:
        made = self._api.post(_REQUESTS, request_of(self._spec, request, self._machine.now()))
        path = "{}/{}".format(_REQUESTS, segment(made["metadata"]["name"]))
        try:
            self._api.patch(path + "/approval", {"status": {"conditions": [{
                "type": "Approved", "status": "True", "reason": "KubeadmUser",
                "message": f"classroom.kubeadm made it for the user {self._spec.user}"}]}})
            return self._certificate(path)
        finally:
            self._forget(path)

    def _check_signed(self, certificate: str) -> None:
        """Raise ClassroomError for a certificate that ends early, because each run would replace it again.

        The controller manager may be configured to sign for less than a year.
        """
        end = x509.read(certificate).not_after
        if self._spec.until and abs(end - self._spec.end) > _NEAR:
            raise ClassroomError(
                f"The certificate for {self._spec.user} ends too early: expected the end of {self._spec.until}, found "
                f"that the cluster signs until {x509.as_date(end)} only. Set until to an earlier day, or see "
                "--cluster-signing-duration of the controller manager.")

    def _certificate(self, path: str) -> str:
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self._api.get(path).get("status") or {})
            failed = [one for one in found.get("conditions") or [] if one.get("type") in ("Denied", "Failed")]
            if failed:
                raise ClassroomError(
                    "The cluster rejects the certificate request for {}: {}. Correct the cause and try again.".format(
                        self._spec.user, failed[0].get("message") or "no reason given"))
            return bool(found.get("certificate"))

        if not self._machine.wait(there, _SIGNING):
            raise ClassroomError(
                f"The certificate for {self._spec.user} was not signed within {_SIGNING:g} s. Check that the "
                "controller manager is running ('kubectl -n kube-system get pods').")
        return base64.b64decode(found["certificate"]).decode("ascii")

    def _forget(self, path: str) -> None:
        try:
            self._api.delete(path)
        except ApiError:
            # The cluster removes signed requests itself after an hour.
            return


def subject_lines(spec: UserSpec) -> str:
    """Return the subject for openssl: groups are organizations, the user is the common name."""
    lines = [f"{number}.O = {_escaped(group)}\n" for number, group in enumerate(spec.groups)]
    return "".join(lines) + f"CN = {_escaped(spec.user)}\n"


def _escaped(text: str) -> str:
    """Return a value with the special characters of openssl's settings escaped."""
    return re.sub(r"([\\$#\"'])", r"\\\1", text)


def request_of(spec: UserSpec, request: str, now: float) -> dict[str, Any]:
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "classroom-kubeadm-{}-".format(_BEHIND.sub("-", spec.user.lower()).strip(".-"))},
        "spec": {
            "request": base64.b64encode(request.encode("ascii")).decode("ascii"),
            "signerName": SIGNER,
            "usages": ["client auth"],
            "expirationSeconds": int(spec.end - now if spec.until else spec.days * _DAY),
        },
    }


def namespace_of(spec: UserSpec) -> dict[str, Any]:
    labels = {**_MANAGED, _ENFORCE: spec.pod_security}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": spec.namespace, "labels": labels}}


def binding_of(spec: UserSpec) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if spec.namespace else "ClusterRoleBinding",
        "metadata": {"name": spec.binding_name, "labels": _MANAGED},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": spec.cluster_role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": spec.user}],
    }


def kubeconfig_text(spec: UserSpec, admin: Kubeconfig, certificate: str, key: str, namespace: str = "") -> str:
    """Return the kubeconfig as JSON, which is valid YAML; kubectl rewrites it in its own form at the first change."""
    encoded = {name: base64.b64encode(text.encode("utf-8")).decode("ascii")
               for name, text in (("ca", admin.ca), ("certificate", certificate), ("key", key))}
    context = {"cluster": spec.cluster, "user": spec.user}
    name = f"{spec.user}@{spec.cluster}"
    return json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": spec.cluster, "cluster": {
            "server": admin.server, "certificate-authority-data": encoded["ca"]}}],
        "users": [{"name": spec.user, "user": {
            "client-certificate-data": encoded["certificate"], "client-key-data": encoded["key"]}}],
        "contexts": [{"name": name, "context": dict(context, namespace=namespace) if namespace else context}],
        "current-context": name,
    }, indent=2) + "\n"


def converge(
    spec: UserSpec, machine: NodeContext, kubeconfig: str, given: str | None, check_mode: bool,
    lookup: Callable[[str], Any],
) -> tuple[list[Change], str, list[str]]:
    """Return the changes that were (in check mode: would be) made, the path of the user's kubeconfig, and warnings."""
    validate(spec)
    account = account_of(spec.account or spec.user, lookup)
    path = path_of(account, given)
    admin = administrator(machine, f"give {spec.user} a kubeconfig", kubeconfig)
    validate_end(spec, machine.now(), admin)
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        state = read_state(spec, machine, admin, api, account, path)
        if spec.cluster_role and (state.roles or {}).get(spec.binding) != spec.cluster_role:
            _require_role(spec, api)
        steps = plan(spec, state, account, path)
        if not check_mode:
            Performer(spec, machine, admin, api, account).perform(steps, state, path)
    except ApiError as problem:
        raise request_error(f"give {spec.user} a kubeconfig", admin, problem) from problem
    return steps, path, [state.warning] if state.warning else []


def remove(
    spec: UserSpec, machine: NodeContext, kubeconfig: str, given: str | None, check_mode: bool,
    lookup: Callable[[str], Any],
) -> tuple[list[Change], str, list[str]]:
    """Remove a user's roles and kubeconfig; return the changes, the path and warnings as `converge` does."""
    account = account_of(spec.account or spec.user, lookup)
    path = path_of(account, given)
    wanted = f"take the kubeconfig of {spec.user} away"
    try:
        admin = administrator(machine, wanted, kubeconfig)
    except NoAdministrator:
        if read_file(machine, account, path).text is None:
            # Without a cluster and a kubeconfig there is nothing to remove.
            return [], path, []
        raise
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        file = read_file(machine, account, path)
        _reject_other_clusters(spec, admin, file, path)
        steps = plan_absence(spec, _bound_roles(spec, api), file, path)
        if not check_mode:
            Performer(spec, machine, admin, api, account).perform(steps, UserState(), path)
    except ApiError as problem:
        raise request_error(wanted, admin, problem) from problem
    return steps, path, []


def _reject_other_clusters(spec: UserSpec, admin: Kubeconfig, file: KubeconfigFile, path: str) -> None:
    try:
        found = entries(file.text or "")
    except ClassroomError as problem:
        raise _rejection(spec, path, str(problem)) from problem
    strangers = sorted({address(entry.server) for entry in found if not _is_this_clusters(entry, admin)})
    if strangers:
        raise _rejection(spec, path, "it leads to {}".format(", ".join(strangers)))


def _require_role(spec: UserSpec, api: Api) -> None:
    try:
        api.get(f"{_RBAC}/clusterroles/{segment(spec.cluster_role)}")
    except NotFound as problem:
        raise ClassroomError(
            f"The cluster role for {spec.user} does not exist: expected {spec.cluster_role}, found no such role. Set "
            "cluster_role to one that 'kubectl get clusterroles' lists.") from problem
    try:
        if spec.namespace and not spec.make_namespace:
            api.get(f"{_NAMESPACES}/{segment(spec.namespace)}")
    except NotFound as problem:
        raise ClassroomError(
            f"The role {_role_words(spec)} cannot be bound to {spec.user}: the cluster has no such namespace. Create "
            "it, or correct namespace.") from problem
