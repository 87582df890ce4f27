# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeconfig_user: certificates that a CA signs, files in a home, and an API that answers as the cluster does."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.paths import PRIVATE
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509 as certificates
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import AccessDenied, Unreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubeconfig import Kubeconfig
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_paths import ADMIN_CONF
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.user import (
    UserSpec,
    converge,
    end_of,
    entries,
    remove,
    subject_lines,
    validate,
)
from tests.unit.support.kubeadm_lab import Authority, FakeApi, Lab, kubeconfig_text

SERVER, OTHER = "https://192.168.90.100:6443", "https://192.0.2.1:6443"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
RBAC = "/apis/rbac.authorization.k8s.io/v1/"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles/"
CONFIG = "/home/student/.kube/config"
SPEC = UserSpec("student", cluster_role="edit")
DAY = 86400.0


def now() -> float:
    """A little after the certificates are made, by a clock that stands while they are."""
    return time.time() + 60


class Cluster(FakeApi):
    """An API that signs what was approved, and knows those whom it has signed for."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self.authority = authority
        self.identity: Kubeconfig | None = None
        self.silent = False
        self.refusal = ""
        self.denied: Callable[[], None] = lambda: None
        self.longest = 366 * DAY
        for role in ("edit", "view", "admin"):
            self.objects[ROLES + role] = {}

    def connect(self, server: str, ca: str, identity: Kubeconfig | None = None, timeout: float = 5.0) -> FakeApi:
        self.identity = identity
        return super().connect(server, ca, identity, timeout)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        super().post(path, body)
        if path.endswith("/selfsubjectreviews"):
            return self.review()
        if path == REQUESTS:
            name = body["metadata"]["generateName"] + "x7k2p"
            self.objects[path + "/" + name] = self.objects[path + "/" + name + "/approval"] = {"spec": body["spec"]}
            return {"metadata": {"name": name}}
        self.objects[path + "/" + body["metadata"]["name"]] = body
        return body

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        if "metadata" in body:
            super().patch(path, {})
            labels: dict[str, str] = self.objects[path]["metadata"].setdefault("labels", {})
            labels.update(body["metadata"]["labels"])
            return self.objects[path]
        answer = super().patch(path, body)
        spec, status = answer["spec"], answer["status"]
        if self.refusal:
            status["conditions"].append({"type": "Failed", "message": self.refusal})
        elif not self.silent:
            status["certificate"] = base64.b64encode(self.sign(spec).encode()).decode()
        return answer

    def get(self, path: str) -> Any:
        if "/rolebindings?" not in path:
            return super().get(path)
        self.calls.append("GET " + path)
        name = path.rpartition("%3D")[2]
        found = {}
        for where, body in self.objects.items():
            if where.startswith(RBAC + "namespaces/") and where.endswith("/rolebindings/" + name):
                found[where] = {**body, "metadata": {**body["metadata"], "namespace": where.split("/")[-3]}}
        return {"items": list(found.values())}

    def sign(self, spec: dict[str, Any]) -> str:
        """To the second, as the controller manager does it."""
        place = self.authority.directory
        request = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
        begin = datetime.now(UTC)
        certificate = x509.CertificateBuilder(
            x509.load_pem_x509_certificate((place / "ca.crt").read_bytes()).subject, request.subject,
            request.public_key(), x509.random_serial_number(), begin,
            begin + timedelta(seconds=min(spec["expirationSeconds"], self.longest)))
        key = load_pem_private_key((place / "ca.key").read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return certificate.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()

    def review(self) -> dict[str, Any]:
        """By the certificate's subject, as the API server does it."""
        self.denied()
        assert self.identity is not None
        said = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-nameopt", "sep_multiline,utf8"],
            input=self.identity.certificate, check=True, capture_output=True, text=True).stdout
        parts = [line.strip().split("=", 1) for line in said.splitlines() if "=" in line and not line.startswith("sub")]
        groups = [value for key, value in parts if key == "O"]
        [user] = [value for key, value in parts if key == "CN"]
        return {"status": {"userInfo": {"username": user, "groups": [*groups, "system:authenticated"]}}}


class Seat:
    """A control plane with a cluster and one student."""

    def __init__(self, base: Path) -> None:
        self.authority = Authority(base / "authority")
        self.api = Cluster(self.authority)
        self.lab = Lab(base / "machine", api=self.api)
        self.lab.clock.moment = now()
        self.serve(SERVER)
        self.home = base / "machine" / "home" / "student"
        self.home.mkdir(parents=True)

    def serve(self, server: str) -> None:
        """Whose cluster it is, and at which address."""
        self.lab.write(ADMIN_CONF, kubeconfig_text(server, self.authority.pem, "CRT", "KEY"))

    def lookup(self, name: str) -> Any:
        if name != "student":
            raise KeyError(name)
        return SimpleNamespace(pw_dir="/home/student", pw_uid=os.geteuid(), pw_gid=os.getegid())

    def __call__(self, spec: UserSpec = SPEC, check_mode: bool = False, path: str | None = None) -> list[str]:
        machine = replace(self.lab.machine, run=run)
        return as_changes(converge(spec, machine, ADMIN_CONF, path, check_mode, self.lookup)[0])

    def without(self, spec: UserSpec = SPEC, check_mode: bool = False) -> list[str]:
        machine = replace(self.lab.machine, run=run)
        return as_changes(remove(spec, machine, ADMIN_CONF, None, check_mode, self.lookup)[0])

    @property
    def config(self) -> Path:
        return self.home / ".kube" / "config"

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.config.read_text())
        return found


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(tmp_path)


def writes(seat: Seat) -> list[str]:
    reviews = ("/selfsubjectreviews",)
    return [call for call in seat.api.calls if not call.startswith("GET") and not call.endswith(reviews)]


def test_predicted_then_created_once_and_for_no_other_user(seat: Seat) -> None:
    expected = ["role of student: none is bound", f"kubeconfig {CONFIG}: there is none"]
    assert seat(check_mode=True) == expected
    assert not seat.config.exists() and writes(seat) == []
    assert seat() == expected
    assert [stat.S_IMODE(path.stat().st_mode) for path in (seat.config, seat.config.parent)] == [0o600, 0o700]
    assert seat.api.objects[BINDINGS + "/classroom-kubeadm:student"]["roleRef"]["name"] == "edit"
    assert not [path for path in seat.api.objects if path.startswith(REQUESTS + "/") and "approval" not in path]
    before = seat.config.read_text()
    seat.api.calls.clear()
    assert seat() == [] and writes(seat) == [] and seat.config.read_text() == before


def test_the_key_is_made_on_a_tmpfs_and_taken_away(seat: Seat) -> None:
    made: list[list[str]] = []

    def watched(argv: Sequence[str], **options: Any) -> Any:
        made.append(list(argv))
        assert stat.S_IMODE(Path(argv[argv.index("-keyout") + 1]).parent.stat().st_mode) == 0o700
        return run(argv, **options)

    private = seat.lab.machine.root(PRIVATE)
    Path(private).mkdir(parents=True)
    Path(private, "key").write_text("of a run that was killed")
    converge(SPEC, replace(seat.lab.machine, run=watched), ADMIN_CONF, None, False, seat.lookup)
    [argv] = made
    assert argv[argv.index("-keyout") + 1] == private + "/key"
    assert not os.path.exists(private)


def test_the_request_asks_for_a_client_and_the_requested_time(seat: Seat) -> None:
    seat(replace(SPEC, days=7, renew_days=1))
    [request] = [body for body in seat.api.posted if body.get("kind") == "CertificateSigningRequest"]
    assert request["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client"
    assert request["spec"]["usages"] == ["client auth"] and request["spec"]["expirationSeconds"] == 7 * DAY


def test_groups_are_in_the_certificate(seat: Seat) -> None:
    spec = replace(SPEC, groups=("class a", "$mentors"))
    seat(spec)
    assert seat(spec) == []
    assert seat() == [f"kubeconfig {CONFIG}: it is of student with the groups $mentors, class a"]
    assert seat() == []


def other_user(seat: Seat) -> None:
    certificate, key = seat.authority.issue("admin", "/O=kubeadm:cluster-admins/CN=kubernetes-admin")
    seat.config.write_text(seat.authority.kubeconfig(SERVER, certificate, key))


def new_cluster(seat: Seat) -> None:
    seat.authority = seat.api.authority = Authority(seat.lab.base / "second")
    seat.serve(SERVER)


def moved(seat: Seat) -> None:
    seat.serve("https://192.168.90.200:6443")


def raising(problem: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise problem

    return fail


def denied(seat: Seat) -> None:
    seat.api.denied = raising(AccessDenied("401", 401))


def broken_key(seat: Seat) -> None:
    seat.api.denied = raising(Unreachable("no answer: key values mismatch"))


def later(days: float) -> Callable[[Seat], None]:
    def act(seat: Seat) -> None:
        seat.lab.clock.moment += days * DAY
    return act


def without_key(seat: Seat) -> None:
    document = seat.document()
    del document["users"][0]["user"]["client-key-data"]
    seat.config.write_text(json.dumps(document))


def empty(seat: Seat) -> None:
    seat.config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")


ANEW: dict[str, tuple[Callable[[Seat], None], str]] = {
    "it was removed": (lambda seat: seat.config.unlink(), "there is none"),
    "it leads nowhere": (empty, "it leads to no cluster"),
    "another user's": (other_user, "it is of the user kubernetes-admin"),
    "a new cluster": (new_cluster, "it is of a former cluster"),
    "another address": (moved, "the cluster is at another address"),
    "not believed": (denied, "the cluster does not accept its certificate"),
    "key of another": (broken_key, "the cluster cannot be queried with it: no answer: key values mismatch"),
    "ends soon": (later(340), "its certificate ends on "),
    "has ended": (later(370), "its certificate expired on "),
    "no key": (without_key, "it has no certificate"),
}


@pytest.mark.parametrize(("change", "reason"), ANEW.values(), ids=ANEW)
def test_what_cannot_be_used_is_created_again(seat: Seat, change: Callable[[Seat], None], reason: str) -> None:
    seat()
    change(seat)
    [foreseen] = seat(check_mode=True)
    assert foreseen.startswith(f"kubeconfig {CONFIG}: {reason}")
    assert seat() == [foreseen]
    # What a later moment or a denial would say again is not what the file can change
    seat.api.denied, seat.lab.clock.moment = lambda: None, now()
    assert seat() == []


def test_the_students_namespace_stays(seat: Seat) -> None:
    seat()
    document = seat.document()
    document["contexts"][0]["context"]["namespace"] = "lessons"
    seat.config.write_text(json.dumps(document))
    assert seat() == []
    without_key(seat)
    seat()
    assert seat.document()["contexts"][0]["context"]["namespace"] == "lessons"


def test_a_key_that_others_may_read_is_closed_and_kept(seat: Seat) -> None:
    seat()
    before = seat.config.read_text()
    seat.config.chmod(0o644)
    assert seat() == [f"mode {CONFIG}: others could read the key"]
    assert stat.S_IMODE(seat.config.stat().st_mode) == 0o600 and seat.config.read_text() == before


def two_clusters(seat: Seat) -> dict[str, Any]:
    seat()
    document = seat.document()
    document["clusters"].append({"name": "home", "cluster": {"server": OTHER}})
    document["contexts"].append({"name": "home", "context": {"cluster": "home", "user": "me"}})
    document["current-context"] = "home"
    return document


def test_beside_another_cluster_it_may_stay(seat: Seat) -> None:
    seat.config.parent.mkdir()
    seat.config.write_text(json.dumps(two_clusters(seat)))
    assert seat() == []


@pytest.mark.parametrize(("text", "found"), [
    (kubeconfig_text(OTHER, "ANOTHER CA", "CRT", "KEY"), "it leads to 192.0.2.1:6443"),
    ("apiVersion: &anchor v1\n", "it is not in the form in which kubectl writes it"),
    ("notes of mine\n", "it is not in the form in which kubectl writes it"),
])
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_belongs_to_others_is_left_alone(seat: Seat, text: str, found: str, check_mode: bool) -> None:
    seat.config.parent.mkdir()
    seat.config.write_text(text)
    with pytest.raises(ClassroomError, match="not replaced: .*" + found + r"\. Move the file away, or set another"):
        seat(check_mode=check_mode)
    assert seat.config.read_text() == text and writes(seat) == []
    assert len(seat(path="/home/student/mine")) == 2


def test_another_cluster_beside_a_spoilt_entry_is_left_alone(seat: Seat) -> None:
    document = two_clusters(seat)
    del document["users"][0]["user"]["client-key-data"]
    seat.config.write_text(json.dumps(document))
    with pytest.raises(ClassroomError, match=r"but it leads to 192\.0\.2\.1:6443 too"):
        seat()


def test_a_binding_follows_the_spec(seat: Seat) -> None:
    seat()
    assert seat(replace(SPEC, cluster_role="view")) == ["role of student: another is bound"]
    assert seat.api.objects[BINDINGS + "/classroom-kubeadm:student"]["roleRef"]["name"] == "view"
    seat.api.objects[BINDINGS + "/classroom-kubeadm:student"]["subjects"] = []
    assert seat(replace(SPEC, cluster_role="view")) == ["role of student: another is bound"]
    assert seat(replace(SPEC, cluster_role="")) == []


OWN = UserSpec("student", cluster_role="admin", namespace="student", make_namespace=True)
OWN_BINDING = RBAC + "namespaces/student/rolebindings/classroom-kubeadm:student"


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def ends(seat: Seat) -> float:
    [entry] = entries(seat.config.read_text())
    return certificates.read(entry.certificate).not_after


def test_a_namespace_of_ones_own(seat: Seat) -> None:
    expected = ["namespace student: there is none", "role of student: none is bound",
                f"kubeconfig {CONFIG}: there is none"]
    assert seat(OWN, check_mode=True) == expected and writes(seat) == []
    assert seat(OWN) == expected
    assert seat.api.objects[OWN_BINDING]["roleRef"]["name"] == "admin"
    assert seat.document()["contexts"][0]["context"]["namespace"] == "student"
    assert seat(OWN) == []


NAMESPACE = "/api/v1/namespaces/student"
ENFORCE = "pod-security.kubernetes.io/enforce"
OURS = {"app.kubernetes.io/managed-by": "classroom.kubeadm"}


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
def test_a_namespace_enforces_pod_security(seat: Seat, level: str) -> None:
    seat(replace(OWN, pod_security=level))
    assert seat.api.objects[NAMESPACE]["metadata"]["labels"] == {**OURS, ENFORCE: level}
    assert OWN.pod_security == "baseline"


@pytest.mark.parametrize(("labels", "reason"), [
    ({}, "no level is enforced"), ({ENFORCE: "privileged"}, "another level is enforced"), ({ENFORCE: "baseline"}, ""),
])
def test_a_namespace_of_an_earlier_run_gets_pod_security(seat: Seat, labels: dict[str, str], reason: str) -> None:
    seat(OWN)
    seat.api.objects[NAMESPACE]["metadata"]["labels"] = {**OURS, **labels, "course": "basics"}
    expected = ["pod security of namespace student: " + reason] if reason else []
    seat.api.calls.clear()
    assert seat(OWN, check_mode=True) == expected and writes(seat) == []
    assert seat(OWN) == expected
    assert seat.api.objects[NAMESPACE]["metadata"]["labels"] == {**OURS, "course": "basics", ENFORCE: "baseline"}
    assert seat(OWN) == []


@pytest.mark.parametrize(("labels", "found"), [
    ({}, "found no level"), ({ENFORCE: "privileged"}, "found privileged"), ({ENFORCE: "baseline"}, ""),
])
def test_a_namespace_of_another_is_left_alone_and_named(seat: Seat, labels: dict[str, str], found: str) -> None:
    seat.api.objects[NAMESPACE] = {"metadata": {"name": "student", "labels": labels}}
    machine = replace(seat.lab.machine, run=run)
    for _run in range(2):
        steps, _path, warnings = converge(OWN, machine, ADMIN_CONF, None, False, seat.lookup)
        assert not any(step.action in ("namespace", "pod security") for step in steps)
        assert seat.api.objects[NAMESPACE]["metadata"]["labels"] == labels
        assert len(warnings) == bool(found)
        assert all(found in warning and "namespace student" in warning for warning in warnings)
    assert steps == []


def test_what_was_bound_elsewhere_counts_no_longer(seat: Seat) -> None:
    seat()
    gone = f"binding {BINDINGS}/classroom-kubeadm:student: it is bound elsewhere now"
    assert seat(OWN) == ["namespace student: there is none", "role of student: none is bound", gone,
                         f"kubeconfig {CONFIG}: it names no namespace"]
    assert BINDINGS + "/classroom-kubeadm:student" not in seat.api.objects and seat(OWN) == []
    assert seat() == ["role of student: none is bound",
                      f"binding {OWN_BINDING}: it is bound elsewhere now"]
    assert OWN_BINDING not in seat.api.objects and seat() == []


def test_a_certificate_until_a_day(seat: Seat) -> None:
    """The days to its end are not looked at: it is not made anew every day of the last month."""
    spec = replace(SPEC, until=in_days(20))
    seat(spec)
    assert abs(ends(seat) - end_of(spec.until)) < 120
    assert seat(spec) == []
    sooner = replace(SPEC, until=in_days(10))
    [change] = seat(sooner)
    assert "its certificate ends on " in change and ", expected the end of " + sooner.until in change
    assert abs(ends(seat) - end_of(sooner.until)) < 120 and seat(sooner) == []


@pytest.mark.parametrize(("until", "later_days", "says"), [
    ("18.12.2026", 0, r"expected a date such as 2026-12-18, found '18\.12\.2026'"),
    (in_days(-1), 0, r"this day is over by the clock of this host \(20"),
    (in_days(400), 0, "clusters sign for 365 days at most. Set until to an earlier day"),
    (in_days(3700), 3600, "the cluster's own CA ends on 20.*to an earlier day, or renew the CA"),
])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_day_that_cannot_be_is_refused(seat: Seat, until: str, later_days: int, says: str, check_mode: bool) -> None:
    seat.lab.clock.moment += later_days * DAY
    with pytest.raises(ClassroomError, match=says):
        seat(replace(SPEC, until=until), check_mode)
    assert not seat.config.exists() and writes(seat) == []


def test_a_cluster_that_signs_for_less_says_so(seat: Seat) -> None:
    seat.api.longest = 5 * DAY
    with pytest.raises(ClassroomError, match=r"that the cluster signs until 20.* only. Set until to an earlier day"):
        seat(replace(SPEC, until=in_days(20)))
    assert not seat.config.exists()


def test_a_user_who_leaves_keeps_nothing(seat: Seat) -> None:
    seat(OWN)
    expected = [f"binding {OWN_BINDING}: student is not to be there any more",
                f"removal {CONFIG}: student is not to be there any more"]
    seat.api.calls.clear()
    assert seat.without(OWN, check_mode=True) == expected and writes(seat) == [] and seat.config.exists()
    assert seat.without(OWN) == expected
    assert OWN_BINDING not in seat.api.objects and not seat.config.exists()
    assert seat.without(OWN) == []


def test_a_user_who_leaves_keeps_the_kubeconfig_of_another_cluster(seat: Seat) -> None:
    document = two_clusters(seat)
    seat.config.write_text(json.dumps(document))
    with pytest.raises(ClassroomError, match=r"was not replaced: .* but it leads to 192\.0\.2\.1:6443\. Move"):
        seat.without()
    assert seat.config.exists() and BINDINGS + "/classroom-kubeadm:student" in seat.api.objects


def test_no_user_has_to_leave_where_there_is_no_cluster(seat: Seat) -> None:
    seat.lab.remove(ADMIN_CONF)
    assert seat.without() == []
    seat.config.parent.mkdir()
    seat.config.write_text("{}")
    with pytest.raises(ClassroomError, match="Cannot take the kubeconfig of student away: expected the kubeconfig"):
        seat.without()


REFUSED: dict[str, tuple[UserSpec, str]] = {
    "no such user": (UserSpec("nobody"), "found no such user on this host. Create the user first"),
    "masters": (UserSpec("student", ("system:masters",)), "the API server does not sign such certificates"),
    "no such role": (UserSpec("student", cluster_role="head"),
                     "role for student does not exist: expected head, found no such"),
    "no such namespace": (replace(SPEC, namespace="none"), "The role edit in none cannot be bound to student"),
    "a namespace without a role": (UserSpec("student", namespace="x"), "expected the option cluster_role, found none"),
    "a namespace without a name": (replace(SPEC, make_namespace=True), "expected the option namespace, found none"),
    "no days": (replace(SPEC, days=0), "expected 1 to 365 days and fewer renew_days, found 0 days"),
    "too many days": (replace(SPEC, days=366), "expected 1 to 365 days and fewer renew_days, found 366 days"),
    "always due": (replace(SPEC, days=30, renew_days=30), "found 30 days and 30 renew_days"),
}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("spec", "says"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_before_anything_is_changed(
    seat: Seat, spec: UserSpec, says: str, check_mode: bool
) -> None:
    with pytest.raises(ClassroomError, match=says):
        seat(spec, check_mode)
    assert not seat.config.exists() and writes(seat) == []


def test_without_a_cluster_it_says_so(seat: Seat) -> None:
    seat.lab.remove(ADMIN_CONF)
    with pytest.raises(ClassroomError, match=r"Cannot give student a kubeconfig: expected .*, found no such file"):
        seat()


def test_without_an_answer_it_says_so(seat: Seat) -> None:
    seat.api.broken = Unreachable("no answer from 192.168.90.100:6443: time ran out")
    with pytest.raises(ClassroomError, match=r"time ran out\. Check that the API server runs"):
        seat()


@pytest.mark.parametrize(("silent", "refusal", "says"), [
    (True, "", "was not signed within 30 s. Check that the controller manager is running"),
    (False, "expired CA", "rejects the certificate request for student: expired CA. Correct the cause"),
])
def test_a_signature_that_does_not_come_is_named(seat: Seat, silent: bool, refusal: str, says: str) -> None:
    seat.api.silent, seat.api.refusal = silent, refusal
    with pytest.raises(ClassroomError, match=says):
        seat()
    assert not seat.config.exists()
    assert any(call.startswith("DELETE " + REQUESTS) for call in seat.api.calls)


def test_what_was_there_is_kept_for_the_way_back(seat: Seat) -> None:
    seat.lab.write(CONFIG, "apiVersion: v1\nkind: Config\n")
    seat()
    former = seat.config.with_name("config.before-classroom")
    assert former.read_text() == "apiVersion: v1\nkind: Config\n"
    # Root's record has nothing of homes: root would write there what the user decides
    assert original_state.read(seat.lab.machine.root) == {}
    seat.config.write_text("apiVersion: v1\n")
    seat()
    assert former.read_text() == "apiVersion: v1\nkind: Config\n"


def test_a_kubeconfig_of_this_cluster_is_replaced_and_not_set_aside(seat: Seat) -> None:
    seat()
    later(340)(seat)
    seat()
    assert sorted(path.name for path in seat.config.parent.iterdir()) == ["config"]


@pytest.mark.parametrize("home", ["/", "", "relative"])
def test_a_user_without_a_home_is_named(seat: Seat, home: str) -> None:
    def lookup(_name: str) -> Any:
        return SimpleNamespace(pw_dir=home, pw_uid=1, pw_gid=1)

    with pytest.raises(ClassroomError, match="Give the user a home"):
        converge(SPEC, seat.lab.machine, ADMIN_CONF, None, False, lookup)


@pytest.mark.parametrize(("groups", "lines"), [
    ((), ["CN = student"]),
    (("a", "b"), ["0.O = a", "1.O = b", "CN = student"]),
    (("$x",), ["0.O = \\$x", "CN = student"]),
])
def test_subjects_for_openssl(groups: Sequence[str], lines: list[str]) -> None:
    assert subject_lines(UserSpec("student", tuple(groups))).splitlines() == lines


def test_the_current_context_comes_first() -> None:
    text = json.dumps({
        "contexts": [{"name": "a", "context": {"cluster": "a"}}, {"name": "b", "context": {"cluster": "b"}}],
        "clusters": [{"name": "a", "cluster": {"server": "A"}}, {"name": "b", "cluster": {"server": "B"}}],
        "current-context": "b",
    })
    assert [entry.server for entry in entries(text)] == ["B", "A"]


def test_check_takes_what_is_right() -> None:
    validate(SPEC)
