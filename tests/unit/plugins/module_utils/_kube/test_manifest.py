# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import Kubectl
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.manifest import (
    Manifest,
    Rollout,
    apply,
    await_rollouts,
    difference,
    object_names,
    read_diff,
)
from tests.unit.support.fake_kubectl import CONNECTION_REFUSED, FakeKubectl, connected

MANIFEST = Manifest(text="apiVersion: v1\nkind: Namespace\nmetadata:\n  labels: {a: b}\n  name: demo\n")
DIFF = """\
diff -u -N /tmp/LIVE-3535021734/v1.Secret.default.s /tmp/MERGED-386431795/v1.Secret.default.s
--- /tmp/LIVE-3535021734/v1.Secret.default.s\t2026-11-20 20:04:07.533745540 +0000
+++ /tmp/MERGED-386431795/v1.Secret.default.s\t2026-11-20 20:04:07.533745540 +0000
@@ -1,4 +1,4 @@
 apiVersion: v1
 data:
-  pass: '*** (before)'
+  pass: '*** (after)'
 kind: Secret
diff -u -N /tmp/LIVE-3535021734/apps.v1.DaemonSet.default.d /tmp/MERGED-386431795/apps.v1.DaemonSet.default.d
--- /tmp/LIVE-3535021734/apps.v1.DaemonSet.default.d\t2026-11-20 20:04:07.533745540 +0000
+++ /tmp/MERGED-386431795/apps.v1.DaemonSet.default.d\t2026-11-20 20:04:07.533745540 +0000
@@ -0,0 +1 @@
+kind: DaemonSet
"""
NO_NAMESPACE = Completed(1, "", 'Error from server (NotFound): namespaces "demo" not found\n')
NO_KIND = Completed(
    1, "", 'error: resource mapping not found for name: "f" namespace: "d" from "STDIN": no matches for kind "Foo" in '
    'version "example.com/v1"\nensure CRDs are installed first\n',
)
BROKEN = Completed(1, "", "error: error parsing STDIN: error converting YAML to JSON: yaml: line 1: no\n")


def diff_of(completed: Completed) -> Completed:
    """What the same complaint is under `kubectl diff`, which keeps 1 for a difference."""
    return Completed(2, completed.out, completed.err)


@pytest.mark.parametrize("predict", [False, True])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Completed(0, "", ""), ""),
        (Completed(1, DIFF, ""), "differs from the manifest in v1.Secret.default.s, apps.v1.DaemonSet.default.d"),
        (diff_of(NO_NAMESPACE), "namespace demo is not in the cluster yet"),
        (diff_of(NO_KIND), "kind Foo is not in the cluster yet"),
    ],
)
def test_the_difference_is_the_same_in_check_and_real_mode(
    tmp_path: Path, answer: Completed, reason: str, predict: bool
) -> None:
    fake = FakeKubectl({"diff": answer})

    found = difference(connected(tmp_path, fake), MANIFEST, predict=predict)

    assert bool(found) is bool(reason) and reason in found.reason
    assert fake.inputs == [MANIFEST.text]
    assert "--server-side" in fake.calls[0] and "--force-conflicts" in fake.calls[0]


@pytest.mark.parametrize("predict", [False, True])
def test_an_api_server_that_is_not_there_is_predicted_or_told(tmp_path: Path, predict: bool) -> None:
    kubectl = connected(tmp_path, FakeKubectl({"diff": diff_of(CONNECTION_REFUSED)}))

    if predict:
        assert difference(kubectl, MANIFEST, predict=True).objects == ("Namespace.demo",)
    else:
        with pytest.raises(ClassroomError, match="API server"):
            difference(kubectl, MANIFEST, predict=False)


@pytest.mark.parametrize("predict", [False, True])
def test_a_bare_host_is_predicted_or_told(tmp_path: Path, predict: bool) -> None:
    kubectl = Kubectl(str(tmp_path / "admin.conf"), "no-such-kubectl")

    if predict:
        assert difference(kubectl, MANIFEST, predict=True)
    else:
        with pytest.raises(ClassroomError, match="Install the package kubectl"):
            difference(kubectl, MANIFEST, predict=False)


@pytest.mark.parametrize("predict", [False, True])
def test_a_broken_manifest_is_an_error_in_both_modes(tmp_path: Path, predict: bool) -> None:
    with pytest.raises(ClassroomError, match="error parsing STDIN"):
        difference(connected(tmp_path, FakeKubectl({"diff": diff_of(BROKEN)})), MANIFEST, predict=predict)


def test_a_conflict_names_the_manager_when_force_is_off(tmp_path: Path) -> None:
    conflict = Completed(1, "", 'error: Apply failed with 1 conflict: conflict with "kubectl-edit": .data.x\n')
    gentle = Manifest(text=MANIFEST.text, force=False)
    fake = FakeKubectl({"diff": diff_of(conflict)})

    with pytest.raises(ClassroomError, match=r"kubectl-edit.*force_conflicts"):
        difference(connected(tmp_path, fake), gentle, predict=False)
    assert "--force-conflicts" not in fake.calls[0]


def test_a_diff_is_read_without_paths_and_times() -> None:
    found = read_diff(DIFF)

    assert found.objects == ("v1.Secret.default.s", "apps.v1.DaemonSet.default.d")
    assert "pass: '*** (before)'" in found.before and "pass: '*** (after)'" in found.after
    assert "/tmp/" not in found.before + found.after and "2026" not in found.before + found.after
    assert found.as_diff()["after"].startswith("# " + found.reason)


def test_what_is_not_there_yet_is_applied_again(tmp_path: Path) -> None:
    fake = FakeKubectl({"apply": [NO_KIND, NO_NAMESPACE, Completed(0, "foo/f serverside-applied", "")]})

    apply(connected(tmp_path, fake), MANIFEST, timeout=5, pause=0)

    assert len(fake.calls) == 3


@pytest.mark.parametrize("answer", [BROKEN, NO_NAMESPACE])
def test_what_stays_wrong_ends_in_a_sentence(tmp_path: Path, answer: Completed) -> None:
    with pytest.raises(ClassroomError, match="found: "):
        apply(connected(tmp_path, FakeKubectl({"apply": answer})), MANIFEST, timeout=0, pause=0)


def test_rollouts_are_awaited_and_named(tmp_path: Path) -> None:
    done = Completed(0, "daemon set successfully rolled out\n", "")
    late = Completed(1, "Waiting for rollout to finish: 0 of 1...\n", "error: timed out waiting for the condition\n")
    fake = FakeKubectl({"rollout status daemonset/a": done, "rollout status deployment/b": late})

    with pytest.raises(ClassroomError, match=r"deployment/b in demo.*timed out waiting.*-n demo describe"):
        await_rollouts(
            connected(tmp_path, fake), [Rollout("DaemonSet", "a"), Rollout("Deployment", "b", "demo")], timeout=2
        )
    assert len(fake.calls) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("kind: Secret\nmetadata: {name: s}\nstringData: {x: y}\n---\nkind: 'Foo'\n", ["Secret.s", "Foo"]),
        ("metadata:\n  labels:\n    name-of: x\n  name: d\nkind: DaemonSet\nspec:\n  name: z\n", ["DaemonSet.d"]),
        ("# nothing\n", []),
    ],
)
def test_objects_are_named_without_their_content(text: str, names: list[str]) -> None:
    assert object_names(text) == names
