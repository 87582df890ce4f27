# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bootstrap tokens, each for the join of one host, created through the API so that no command line ever shows them."""

from __future__ import annotations

import base64
import json
import re
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .._core.errors import ClassroomError
from .._core.plan import Change, as_diff
from .._formats.x509 import as_date
from .._kube.admin import administrator, request_error
from .._kube.api import Api, ApiError, NotFound, address, is_lost, segment
from .._kube.context import NodeContext
from .._kube.kubeconfig import Kubeconfig, discovery

_SECRETS = "/api/v1/namespaces/kube-system/secrets"
_TYPE = "bootstrap.kubernetes.io/token"
_PURPOSE = "classroom.kubeadm: join of "
_MAKE = "make a bootstrap token"
_REQUESTS = (
    "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    "?fieldSelector=spec.signerName%3Dkubernetes.io%2Fkube-apiserver-client-kubelet"
)
_USER = "system:bootstrap:"
_GROUP = "system:bootstrappers:kubeadm:default-node-token"
_ALPHABET = string.ascii_lowercase + string.digits
_TTL = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_TOKEN_ID = re.compile(r"[a-z0-9]{6}$")


@dataclass(frozen=True)
class Token:
    """A bootstrap token without its secret part. `expires` is in seconds since the epoch, None without expiry."""

    token_id: str
    description: str
    expires: float | None

    def is_stale(self, nodes: Collection[str], now: float) -> bool:
        """Return whether this collection made the token and it is expired or left by an earlier join of a node."""
        if not self.description.startswith(_PURPOSE):
            return False
        return self.description[len(_PURPOSE):] in nodes or (self.expires is not None and self.expires <= now)


@dataclass(frozen=True)
class TokenSpec:
    """A token for one host.

    `machine_id` and `address` identify the host: a Ready Node of its name may belong to another one.
    """

    node_name: str
    machine_id: str = ""
    address: str = ""


def seconds(ttl: str) -> float:
    """Return a duration such as `10m`, `1h30m` or `90s` in seconds."""
    found = _TTL.match(ttl)
    total = sum(int(part or 0) * factor for part, factor in zip(found.groups(), (3600, 60, 1))) if found else 0
    if not total:
        raise ClassroomError(f"The option ttl is invalid: expected a duration such as 10m, 90s or 1h30m, found "
                             f"'{ttl}'. Correct it; tokens that never expire are not created.")
    return float(total)


def present(
    specs: Sequence[TokenSpec], ttl: float, endpoint: str, machine: NodeContext, kubeconfig: str, check_mode: bool
) -> dict[str, Any]:
    """Create a token for each host, valid for `ttl` seconds, and return the result of the module.

    A host that gets no token has the reason in its entry; the others get theirs. Check mode does not query the API,
    because the cluster may not exist yet.
    """
    if check_mode:
        return {"changed": bool(specs), "diff": as_diff([_step(spec, ttl) for spec in specs])}
    admin = administrator(machine, "manage bootstrap tokens", kubeconfig)
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        _clean_up([spec.node_name for spec in specs], api, machine.now())
    except ApiError as problem:
        raise request_error(_MAKE, admin, problem) from problem
    server = "https://" + address(endpoint or admin.server)
    config = json.dumps(discovery(server, admin.ca))
    tokens = _created(specs, api, admin, config, machine.now() + ttl)
    made = [spec for spec, token in zip(specs, tokens) if "token_id" in token]
    return {"changed": bool(made), "tokens": tokens, "diff": as_diff([_step(spec, ttl) for spec in made])}


def _created(
    specs: Sequence[TokenSpec], api: Api, admin: Kubeconfig, config: str, expires: float
) -> list[dict[str, Any]]:
    """Create the tokens and return an entry for each host; what keeps one from its token does not keep the others."""
    tokens: list[dict[str, Any]] = []
    lost = ""
    for spec in specs:
        token = {"node_name": spec.node_name}
        tokens.append(token)
        if lost:
            token["problem"] = lost
            continue
        try:
            token.update(_create(spec, api, config, expires))
        except ClassroomError as problem:
            token["problem"] = str(problem)
        except ApiError as problem:
            token["problem"] = str(request_error(_MAKE, admin, problem))
            lost = token["problem"] if is_lost(problem) else ""
    return tokens


def _create(spec: TokenSpec, api: Api, config: str, expires: float) -> dict[str, Any]:
    _make_room(spec, api)
    token_id, secret = _random(6), _random(16)
    api.post(_SECRETS, secret_of(token_id, secret, spec.node_name, expires))
    return {"token_id": token_id, "expires": as_date(expires),
            "discovery": {"kubeconfig": config, "token": token_id + "." + secret}}


def absent(token_ids: Sequence[str], machine: NodeContext, kubeconfig: str, check_mode: bool) -> dict[str, Any]:
    """Revoke tokens and return the result of the module; a missing token is no error.

    A token that cannot be revoked does not keep the others: the error names all that are left.
    """
    if not all(_TOKEN_ID.match(token_id) for token_id in token_ids):
        # The value is not shown, because it may be a whole token.
        raise ClassroomError("The option token_ids is invalid: expected six lower-case letters or digits for each "
                             "token, found another form. Set it to the first parts of the tokens. Nothing was changed.")
    admin = administrator(machine, "manage bootstrap tokens", kubeconfig)
    api = machine.connect(admin.server, admin.ca, admin)
    revoked: list[str] = []
    left: dict[str, ApiError] = {}
    for token_id in token_ids:
        path = f"{_SECRETS}/bootstrap-token-{token_id}"
        lost = next(filter(is_lost, left.values()), None)
        try:
            if lost is not None:
                raise lost
            api.get(path) if check_mode else api.delete(path)
            revoked.append(token_id)
        except NotFound:
            continue
        except ApiError as problem:
            left[token_id] = problem
    if left:
        raise request_error("revoke the bootstrap token " + ", ".join(left), admin, next(iter(left.values())))
    steps = [Change("bootstrap token", one, "valid", "revoked", "it is not needed any more") for one in revoked]
    return {"changed": bool(revoked), "revoked": revoked, "diff": as_diff(steps)}


def secret_of(token_id: str, secret: str, node: str, expires: float) -> dict[str, Any]:
    """Return the Secret of a token.

    The token may authenticate only. Signing is left out, because it serves discovery without a file.
    """
    moment = datetime.fromtimestamp(expires, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bootstrap-token-" + token_id, "namespace": "kube-system"},
        "type": _TYPE,
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "description": _PURPOSE + node,
            "expiration": moment,
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": _GROUP,
        },
    }


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _place in range(length))


def _make_room(spec: TokenSpec, api: Api) -> None:
    """Delete a Ready Node of the same host; kubeadm rejects a join under the name of a Ready Node.

    Raise ClassroomError if the Node belongs to another host.
    """
    try:
        node = api.get("/api/v1/nodes/" + segment(spec.node_name))
    except NotFound:
        return
    status = node.get("status") or {}
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or [])
    if not ready:
        return
    if not _is_same_machine(spec, status):
        raise ClassroomError(
            "{0} cannot join: expected no Ready Node of that name, found one at {1}, which is another host. "
            "Delete it ('kubectl delete node {0}') or rename one of the two hosts.".format(
                spec.node_name, ", ".join(_addresses(status)) or "an unknown address")
        )
    api.delete("/api/v1/nodes/" + segment(spec.node_name))


def _is_same_machine(spec: TokenSpec, status: Mapping[str, Any]) -> bool:
    """Return whether a Node is this host.

    Both machine ID and address have to match: cloned hosts share the ID, and a new host may get an old address.
    """
    same_id = bool(spec.machine_id) and (status.get("nodeInfo") or {}).get("machineID") == spec.machine_id
    return same_id and (not spec.address or spec.address in _addresses(status))


def _addresses(status: Mapping[str, Any]) -> list[str]:
    return [str(one.get("address")) for one in status.get("addresses") or [] if one.get("type") == "InternalIP"]


def used(api: Api) -> tuple[str, ...]:
    """Return the IDs of this collection's tokens for which the cluster has issued a certificate.

    They are not needed any more. The run that created them revokes them, unless it was killed: the join itself goes
    on without that run.
    """
    ours = [token.token_id for token in _tokens(api) if token.description.startswith(_PURPOSE)]
    if not ours:
        return ()
    requests = api.get(_REQUESTS).get("items") or []
    served = {one["spec"].get("username") for one in requests if (one.get("status") or {}).get("certificate")}
    return tuple(sorted(token_id for token_id in ours if _USER + token_id in served))


def _tokens(api: Api) -> list[Token]:
    listed = api.get(_SECRETS + "?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken")
    return [token for token in map(_token_of, listed.get("items") or []) if token]


def _clean_up(nodes: Collection[str], api: Api, now: float) -> None:
    for token in _tokens(api):
        if token.is_stale(nodes, now):
            try:
                api.delete(f"{_SECRETS}/bootstrap-token-{token.token_id}")
            except NotFound:
                # The cluster removes expired tokens too.
                continue


def _token_of(item: Mapping[str, Any]) -> Token | None:
    data = item.get("data") or {}
    token_id, description, expiration = (
        base64.b64decode(data.get(key) or "").decode("utf-8", "replace")
        for key in ("token-id", "description", "expiration")
    )
    if not token_id:
        return None
    try:
        expires = datetime.strptime(expiration, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return Token(token_id, description, None)
    return Token(token_id, description, expires)


def _step(spec: TokenSpec, ttl: float) -> Change:
    return Change("bootstrap token", f"for {spec.node_name}", "none", f"valid for {ttl:g} s",
                  f"{spec.node_name} is about to join")
