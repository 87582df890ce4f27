# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle that is not what its lock says does not replace the one that is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.failures import refused
from tests.support.snapshots import machine

# Links to the good bundle, but for one file: a copy of which one byte is another
DAMAGED = """
set -e
cp -rs $(readlink -f /srv/bundles/current) /srv/damaged
cd /srv/damaged
file=$(find oci/blobs -type l | LC_ALL=C sort | head -n 1)
cp --remove-destination $(readlink -f $file) $file
printf X | dd of=$file bs=1 conv=notrunc status=none
echo $file
"""


@pytest.fixture
def damaged() -> Iterator[str]:
    utility = machine("utility.example.com")
    yield str(utility.check_output(DAMAGED)).strip()
    utility.check_output("rm -rf /srv/damaged")


def test_one_byte_is_another(damaged: str) -> None:
    says = (f"/srv/damaged/{damaged}: expected sha256", "found sha256", "Copy it again from its source")
    refused("utility.example.com", "--extra-vars", "utility_bundle=/srv/damaged", says=says)
