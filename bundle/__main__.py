# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build and verify the bundle: `python -m bundle --help`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

# The checkout is in the path only if this is run as a module in it, and the collection in it never is.
sys.path[0:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / ".collections")]

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from bundle.builder import pipeline
from bundle.builder.cache import SOURCE, Paths
from bundle.builder.config import load
from bundle.builder.progress import for_this_output
from bundle.builder.update_go_modules import update
from tools.paths import CACHE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    # A terminated build cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options.command(options, Paths(options.cache))
    except ClassroomError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bundle: interrupted; the next build continues from here", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bundle", description="Build the packages and images of a cluster from source."
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=CACHE,
        help="directory for all files of the builder (default: $CLASSROOM_CACHE, or .cache in the checkout)",
    )
    parser.add_argument(
        "--distributions",
        type=lambda text: [name for name in text.split(",") if name],
        help="distributions whose packages are included that a fresh image lacks, as debian-13,… (default: all of "
        "distributions.yml; empty: none)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("build", help="build the bundle, or its missing parts").set_defaults(command=_build)
    check = commands.add_parser("verify", help="compare every file of a bundle with its lock file")
    check.add_argument("bundle", type=Path, nargs="?", help="directory of another bundle than that of the cache")
    check.set_defaults(command=_verify)
    commands.add_parser("update", help="write go.mod and go.sum from versions.yml").set_defaults(command=_update)
    commands.add_parser("key", help="print the key of the bundle's inputs").set_defaults(command=_key)
    return parser


def _build(options: argparse.Namespace, paths: Paths) -> None:
    with for_this_output() as progress:
        done = pipeline.build(load(SOURCE), paths, progress, options.distributions)
    content = bundle_contents.read(str(paths.bundle))
    state = "built" if done else "is there already"
    print(f"bundle {content.key[:16]} {state}: {paths.bundle}")


def _verify(options: argparse.Namespace, paths: Paths) -> None:
    directory = options.bundle or paths.bundle
    pipeline.require_bundle(directory)
    content = bundle_contents.read(str(directory))
    print(f"bundle {content.key[:16]}: {len(content.files)} files and {len(content.images)} images as locked")


def _update(_: argparse.Namespace, paths: Paths) -> None:
    with for_this_output() as progress:
        update(load(SOURCE), paths, progress)


def _key(options: argparse.Namespace, paths: Paths) -> None:
    print(pipeline.inputs(load(SOURCE), paths, options.distributions).key)


if __name__ == "__main__":
    sys.exit(main())
