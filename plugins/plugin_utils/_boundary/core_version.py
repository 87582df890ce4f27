# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions of ansible-core with which the collection works.

Ansible itself only warns of an unsupported version, and then fails for a reason that does not name it.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import yaml
from ansible.release import __version__

RUNTIME = Path(__file__).resolve().parents[3] / "meta" / "runtime.yml"


@cache
def version_problem(found: str = __version__) -> str:
    """Return why nothing may be run with this version of ansible-core; empty if it is supported."""
    # A dependency of ansible-core, which ansible-test lacks when it imports the plugins
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    required = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))["requires_ansible"]
    # Like Ansible, which counts a release candidate as the release
    if SpecifierSet(required).contains(Version(found).base_version):
        return ""
    return (
        f"The collection classroom.kubeadm does not support this version of ansible-core: expected {required}, "
        f"found {found} in {sys.prefix}. Install a supported one, for example with 'pipx upgrade ansible-core' or "
        "'pip install --upgrade ansible-core'. Nothing was changed."
    )
