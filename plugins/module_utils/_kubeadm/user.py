# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubeconfig of one's own for an ordinary user: a certificate that the cluster signed, and a role bound to its name.

The key is made on the machine and never leaves it. Files in a home are read and written with the rights of its owner,
so that a link there leads nobody further than its owner could go.
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
from .._kube.admin import NoAdministrator, administrator, sentence
from .._kube.api import Api, ApiError, Denied, NotFound, Refused, address, segment
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
# What a pod may ask for in a namespace, https://kubernetes.io/docs/concepts/security/pod-security-standards/
POD_SECURITY = ("privileged", "baseline", "restricted")
_ENFORCE = "pod-security.kubernetes.io/enforce"
_DAY = 86400.0
# The API takes no shorter time, and the controller manager signs for a year at most
_MOST_DAYS = 365
_SHORTEST = 600.0
# What is signed ends some seconds or minutes beside the wished moment
_NEAR = 3600.0
_SIGNING = 30.0
_SECRET = 0o600
_BEHIND = re.compile(r"[^a-z0-9.-]+")
_CONFLICT = 409


@dataclass(frozen=True)
class UserSpec:
    """Who gets a kubeconfig, for which groups and with which role. Without a namespace the role counts everywhere.

    `until` is the last day of the certificate as a date, and goes before the days. `account` is the machine's user to
    whom the file belongs, where that is somebody else.
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
        """Where the API has the binding."""
        return _binding(self.namespace, self.binding_name)

    @property
    def end(self) -> float:
        """The end of the last day, 0 where none is wished."""
        return end_of(self.until) if self.until else 0.0

    @property
    def binding_name(self) -> str:
        return "classroom-kubeadm:" + self.user


@dataclass(frozen=True)
class KubeconfigFile:
    """What is at the place of the kubeconfig. `mode` and `owner` are None where there is nothing."""

    text: str | None = None
    mode: int | None = None
    owner: int | None = None


@dataclass(frozen=True)
class KubeconfigEntries:
    """One context of a kubeconfig: where it leads, and as whom."""

    server: str
    ca: str
    certificate: str
    key: str
    namespace: str
    current: bool


@dataclass(frozen=True)
class UserState:
    """What is to be changed, and why; empty reasons where nothing is."""

    kubeconfig_problem: str = ""
    namespace: str = ""
    # What the bindings of the user's name give, by where the API has them; None where no role is wished
    roles: Mapping[str, str] | None = None
    no_namespace: bool = False
    # The level of pod security that the namespace enforces, "" for none; None where it is not this collection's to set
    pod_security: str | None = None
    warning: str = ""
    file: KubeconfigFile = KubeconfigFile()


def _binding(namespace: str, name: str) -> str:
    kind = "rolebindings" if namespace else "clusterrolebindings"
    inside = f"/namespaces/{segment(namespace)}" if namespace else ""
    return f"{_RBAC}{inside}/{kind}/{segment(name)}"


def end_of(date: str) -> float:
    """The moment at which a day ends, everywhere at the same time."""
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError as problem:
        raise ClassroomError(
            f"Wanted the last day of a certificate, found '{date}'. Write a date as 2026-12-18.") from problem
    return (day + timedelta(days=1)).timestamp()


def validate(spec: UserSpec) -> None:
    """Refuse what the cluster would refuse, or what would give a user more than a user's rights."""
    if "system:masters" in spec.groups:
        raise ClassroomError(
            f"Wanted the group system:masters for {spec.user}, found that the cluster signs no certificate for it: "
            "nobody could "
            "ever take its rights away. Use cluster_role 'cluster-admin' instead.")
    if not spec.until and (not 1 <= spec.days <= _MOST_DAYS or not 0 <= spec.renew_days < spec.days):
        raise ClassroomError(
            f"Wanted a certificate for {spec.days} days that is renewed {spec.renew_days} days before its end, found "
            "that it has to be 1 to "
            f"{_MOST_DAYS} days, and less for the renewal. Correct days or renew_days.")
    if spec.make_namespace and not spec.namespace:
        raise ClassroomError(
            f"Wanted a namespace to be made for {spec.user}, found no name. Give it as namespace.")
    if spec.namespace and not spec.cluster_role:
        raise ClassroomError(
            f"Wanted the rights of {spec.user} in the namespace {spec.namespace}, found no cluster_role. Name one, "
            "such as 'edit'.")


def validate_end(spec: UserSpec, now: float, admin: Kubeconfig) -> None:
    """Refuse a last day that is over, or one that no certificate of this cluster can have."""
    if not spec.until:
        return
    wanted = f"Wanted a certificate for {spec.user} until {spec.until}, found that "
    if spec.end - now < _SHORTEST:
        raise ClassroomError(wanted + f"this day is over, by this machine's clock ({x509.as_date(now)}). Name a day to "
                                      "come.")
    if spec.end - now > (_MOST_DAYS + 1) * _DAY:
        raise ClassroomError(wanted + f"clusters sign for {_MOST_DAYS} days at most. Name an earlier day; later a run "
                                      "makes "
                             "another.")
    authority = x509.read(admin.ca).not_after
    if spec.end > authority:
        raise ClassroomError(wanted + f"the cluster's own CA ends on {x509.as_date(authority)}. Name an earlier day, "
                                      "or renew the CA.")


def account_of(name: str, lookup: Callable[[str], Any]) -> Account:
    """`lookup` is pwd.getpwnam: users of a school's directory count as well."""
    try:
        found = lookup(name)
    except KeyError as problem:
        raise ClassroomError(
            f"Wanted a kubeconfig for the user {name}, found no such user on this machine. Create it first, or correct "
            "the "
            "name.") from problem
    if not os.path.isabs(found.pw_dir) or found.pw_dir == "/":
        raise ClassroomError(
            f"Wanted a kubeconfig in the home of {name}, found '{found.pw_dir}' as home. Give the user a home.")
    return Account(name, found.pw_uid, found.pw_gid, found.pw_dir)


def path_of(account: Account, given: str | None) -> str:
    return given or os.path.join(account.home, ".kube", "config")


def read_file(machine: NodeContext, account: Account, path: str) -> KubeconfigFile:
    with acting_as(account):
        try:
            found = os.stat(machine.root(path))
        except FileNotFoundError:
            return KubeconfigFile()
        except OSError as problem:
            raise ClassroomError(
                f"Wanted to read {path} as {account.name}, found: {problem.strerror}. Let it belong to that "
                "user.") from problem
        if not stat.S_ISREG(found.st_mode):
            raise ClassroomError(f"Wanted the kubeconfig {path}, found something that is no file. Move it away.")
        if not os.access(machine.root(path), os.R_OK, effective_ids=True):
            raise ClassroomError(
                f"Wanted to read {path} as {account.name}, found that this user may not. Let it belong to that user.")
        return KubeconfigFile(read_text(machine.root(path)), stat.S_IMODE(found.st_mode), found.st_uid)


def entries(text: str) -> list[KubeconfigEntries]:
    """All contexts of a kubeconfig in the form in which kubectl writes it, the current one first."""
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
    file = read_file(machine, account, path)
    problem, namespace = _checked_entries(spec, machine, admin, file, path)
    roles = _bound_roles(spec, api) if spec.cluster_role else None
    no_namespace, enforced, warning = _read_namespace(spec, api) if spec.make_namespace else (False, None, "")
    return UserState(problem, namespace, roles, no_namespace, enforced, warning, file)


def _checked_entries(
    spec: UserSpec, machine: NodeContext, admin: Kubeconfig, file: KubeconfigFile, path: str
) -> tuple[str, str]:
    """Why the kubeconfig cannot stay (empty: it can), and the namespace that the user has chosen in it."""
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
        f"Wanted {path} to be the kubeconfig of {spec.user} for this cluster, found that {found}. It is left as it is: "
        "move it away, "
        "or give another path.")


def _is_this_clusters(entry: KubeconfigEntries, admin: Kubeconfig) -> bool:
    """By its CA, or by its address: then it is of a cluster that stood there before."""
    return entry.ca.strip() == admin.ca.strip() or address(entry.server) == address(admin.server)


def _unfit(spec: UserSpec, machine: NodeContext, admin: Kubeconfig, entry: KubeconfigEntries) -> str:
    if entry.ca.strip() != admin.ca.strip():
        return "it is of a cluster that is no more"
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
        return (f"its certificate ends on {x509.as_date(certificate.not_after)}, and is wished until the end of "
                f"{spec.until}")
    if not spec.until and certificate.not_after - machine.now() < spec.renew_days * _DAY:
        return f"its certificate ends on {x509.as_date(certificate.not_after)}"
    if spec.make_namespace and not entry.namespace:
        return "it names no namespace"
    return _unknown(spec, machine, admin, entry)


def _unknown(spec: UserSpec, machine: NodeContext, admin: Kubeconfig, entry: KubeconfigEntries) -> str:
    """What the API itself says: only it knows whether key and certificate serve, and for which groups."""
    identity = Kubeconfig("of the user", admin.server, admin.ca, entry.certificate, entry.key)
    client = machine.connect(admin.server, admin.ca, identity)
    try:
        answer = client.post(_REVIEW, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        info = answer["status"]["userInfo"]
    except Denied:
        return "the cluster does not take its certificate"
    except ApiError as problem:
        return f"the cluster cannot be asked with it: {problem}"
    groups = set(info.get("groups") or []) - {_AUTHENTICATED}
    if info.get("username") != spec.user or groups != set(spec.groups):
        return "it is of {} with the groups {}".format(info.get("username"), ", ".join(sorted(groups)) or "none")
    return ""


def _bound_roles(spec: UserSpec, api: Api) -> dict[str, str]:
    """The roles that bindings of this name give, everywhere and in namespaces, by where they are."""
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

    The level is None, and there may be a warning, where another has made the namespace: its labels are left alone.
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
        "The namespace {0} was not made by this collection, and its pod security is left as it is: expected {1} to be "
        "enforced, found {2}. Set it with 'kubectl label --overwrite namespace {0} {3}={1}'.".format(
            spec.namespace, spec.pod_security, enforced or "no level", _ENFORCE))


def plan(spec: UserSpec, state: UserState, account: Account, path: str) -> list[Change]:
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
    """The wished binding, and an end to what earlier wishes bound elsewhere, which would otherwise go on to count."""
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
    """Carries a plan out. The role is bound first: a kubeconfig that is there works."""

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
        # A binding's role cannot be changed
        if (state.roles or {}).get(self._spec.binding):
            self._api.delete(self._spec.binding)
        self._make(self._spec.binding.rpartition("/")[0], binding_of(self._spec))

    def _unbind(self, path: str) -> None:
        # Gone meanwhile is gone
        with suppress(NotFound):
            self._api.delete(path)

    def _make(self, collection: str, body: dict[str, Any]) -> None:
        try:
            self._api.post(collection, body)
        except Refused as problem:
            # Another run was as fast; the next one sees whether it wanted the same
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
                # One of no cluster is the user's own. Not in before.json: root writes nothing into homes
                set_aside(self._machine.root(path))
            directory = os.path.dirname(self._machine.root(path))
            if not os.path.isdir(directory):
                os.makedirs(directory, mode=0o700)
            write_text(self._machine.root(path), text, _SECRET)

    def _key_and_request(self) -> tuple[str, str]:
        """Return a new private key and the request for its certificate, both PEM.

        openssl writes the key into root's directory on a tmpfs, which is removed also after a run that was killed.
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
        """A cluster may have been told to sign for less than a year; the next run would find it wrong again."""
        end = x509.read(certificate).not_after
        if self._spec.until and abs(end - self._spec.end) > _NEAR:
            raise ClassroomError(
                f"Wanted a certificate for {self._spec.user} until the end of {self._spec.until}, found that the "
                f"cluster signs until {x509.as_date(end)} only. Name "
                "an earlier day, or see --cluster-signing-duration of the controller manager.")

    def _certificate(self, path: str) -> str:
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self._api.get(path).get("status") or {})
            failed = [one for one in found.get("conditions") or [] if one.get("type") in ("Denied", "Failed")]
            if failed:
                raise ClassroomError(
                    "Wanted a certificate for {}, found that the cluster refuses to sign it: {}. Correct what it "
                    "names.".format(self._spec.user, failed[0].get("message") or "no reason given"))
            return bool(found.get("certificate"))

        if not self._machine.wait(there, _SIGNING):
            raise ClassroomError(
                f"Wanted a certificate for {self._spec.user}, found that nobody signed it within {_SIGNING:g} s. Does "
                "the controller manager "
                "run? See 'kubectl -n kube-system get pods'.")
        return base64.b64decode(found["certificate"]).decode("ascii")

    def _forget(self, path: str) -> None:
        try:
            self._api.delete(path)
        except ApiError:
            # The cluster removes what was signed after an hour itself
            return


def subject_lines(spec: UserSpec) -> str:
    """The subject for openssl: groups are organisations, the user is the common name."""
    lines = [f"{number}.O = {_escaped(group)}\n" for number, group in enumerate(spec.groups)]
    return "".join(lines) + f"CN = {_escaped(spec.user)}\n"


def _escaped(text: str) -> str:
    """A value in openssl's settings; its own signs stand for themselves."""
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
    """JSON is YAML, and kubectl writes its own form at the first change."""
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
    """Return the steps that were (in check mode: would be) done, the path of the user's kubeconfig, and warnings."""
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
        raise sentence(f"give {spec.user} a kubeconfig", admin, problem) from problem
    return steps, path, [state.warning] if state.warning else []


def remove(
    spec: UserSpec, machine: NodeContext, kubeconfig: str, given: str | None, check_mode: bool,
    lookup: Callable[[str], Any],
) -> tuple[list[Change], str, list[str]]:
    """Steps that were, or would be, done so that the user may do nothing here and has no kubeconfig for it."""
    account = account_of(spec.account or spec.user, lookup)
    path = path_of(account, given)
    wanted = f"take the kubeconfig of {spec.user} away"
    try:
        admin = administrator(machine, wanted, kubeconfig)
    except NoAdministrator:
        if read_file(machine, account, path).text is None:
            # Without a cluster there is nothing to be taken from
            return [], path, []
        raise
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        file = read_file(machine, account, path)
        _refuse_strangers(spec, admin, file, path)
        steps = plan_absence(spec, _bound_roles(spec, api), file, path)
        if not check_mode:
            Performer(spec, machine, admin, api, account).perform(steps, UserState(), path)
    except ApiError as problem:
        raise sentence(wanted, admin, problem) from problem
    return steps, path, []


def _refuse_strangers(spec: UserSpec, admin: Kubeconfig, file: KubeconfigFile, path: str) -> None:
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
            f"Wanted the cluster role {spec.cluster_role} for {spec.user}, found no such role. Name one that 'kubectl "
            "get clusterroles' "
            "lists.") from problem
    try:
        if spec.namespace and not spec.make_namespace:
            api.get(f"{_NAMESPACES}/{segment(spec.namespace)}")
    except NotFound as problem:
        raise ClassroomError(
            f"Wanted the role {_role_words(spec)} for {spec.user}, found that the cluster has no such namespace. "
            "Create it, or correct "
            "it.") from problem
