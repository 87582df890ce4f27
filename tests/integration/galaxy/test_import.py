# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built collection passes the checks of Ansible Galaxy without a warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.environments import environment
from tools.check import export_tree

# ansible-lint and ansible-test are stages of their own
SETTINGS = """[galaxy-importer]
CHECK_CHANGELOG = True
CHECK_REQUIRED_TAGS = True
CHECK_RUNTIME_YAML = True
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_TEST = False
"""


def test_galaxy_imports_the_collection(tmp_path: Path) -> None:
    programs = environment("galaxy", Path(__file__).with_name("requirements.txt"), sys.executable)
    settings = tmp_path / "importer.cfg"
    settings.write_text(SETTINGS, encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    variables.update(PATH=f"{programs}:{os.environ['PATH']}", GALAXY_IMPORTER_CONFIG=str(settings), HOME=str(tmp_path))
    export_tree(tmp_path / "tree")
    subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), str(tmp_path / "tree")],
                   check=True, capture_output=True, env=variables, timeout=60)
    (archive,) = tmp_path.glob("classroom-kubeadm-*.tar.gz")

    done = subprocess.run([str(programs / "python"), "-m", "galaxy_importer.main", str(archive)], cwd=tmp_path,
                          env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=180)

    assert done.returncode == 0, done.stdout
    assert re.findall(r"^.*(?:WARNING|ERROR|failed).*$", done.stdout, re.MULTILINE) == []
    assert done.stdout.rstrip().endswith("Importer processing completed successfully")
