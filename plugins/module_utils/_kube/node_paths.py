# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of a node's files, as kubeadm and the kubelet choose them.

Source: "Files and directories" of kubeadm's implementation details in the documentation of Kubernetes.
"""

from __future__ import annotations

ETC = "/etc/kubernetes"
MANIFESTS = ETC + "/manifests"
PKI = ETC + "/pki"
CA = PKI + "/ca.crt"
ADMIN_CONF = ETC + "/admin.conf"
KUBELET_CONF = ETC + "/kubelet.conf"
BOOTSTRAP_CONF = ETC + "/bootstrap-kubelet.conf"
KUBELET_DIR = "/var/lib/kubelet"
KUBELET_CONFIG = KUBELET_DIR + "/config.yaml"
KUBELET_CERTIFICATE = KUBELET_DIR + "/pki/kubelet-client-current.pem"
