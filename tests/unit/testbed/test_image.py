# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.image import Image, build_argv


class TestImage:
    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        (tmp_path / "overlay").mkdir()
        (tmp_path / "packages").write_text("# why\nsystemd\n\nopenssh-server\n")
        (tmp_path / "pool").write_text("# why not\npodman\n")
        (tmp_path / "overlay" / "file").write_text("x")
        return Image("classroom-test", tmp_path)

    def test_packages_without_comments(self, image: Image) -> None:
        assert image.packages == ["systemd", "openssh-server"]
        assert "--include=systemd,openssh-server" in build_argv(image, Path("/x"), Path("/m"))

    def test_key_follows_what_makes_the_image(self, image: Image) -> None:
        keys = [image.key]
        (image.directory / "packages").write_text("# another reason\nsystemd\nopenssh-server\n")
        (image.directory / "pool").write_text("podman\n")
        assert image.key == keys[0]
        (image.directory / "overlay" / "file").write_text("y")
        keys.append(image.key)
        (image.directory / "overlay" / "file").chmod(0o755)
        keys.append(image.key)
        (image.directory / "overlay" / "file").rename(image.directory / "overlay" / "other")
        keys.append(image.key)
        (image.directory / "packages").write_text("systemd\n")
        keys.append(image.key)
        (image.directory / "pool").write_text("podman\ntmux\n")
        keys.append(image.key)
        assert len(set(keys)) == 6

    def test_an_image_on_another_has_what_that_one_has(self, image: Image, tmp_path: Path) -> None:
        upper = tmp_path / "upper"
        upper.mkdir()
        (upper / "packages").write_text("dnf\n")
        (upper / "pool").write_text("tmux\n")
        both = Image("classroom-upper", upper, image)
        assert both.packages == ["systemd", "openssh-server", "dnf"]
        hooks = [argument for argument in build_argv(both, Path("/x"), Path("/m")) if "customize-hook" in argument]
        assert hooks[0].endswith('/download "$1" /m podman tmux') and both.pool == ["podman", "tmux"]
        assert [str(upper) in hook for hook in hooks] == [False, False, False, True, True]
        before = both.key
        (image.directory / "overlay" / "file").write_text("y")
        assert len({before, both.key, image.key}) == 3

    def test_no_mirror_is_named(self, image: Image) -> None:
        assert not any("://" in argument for argument in build_argv(image, Path("/x"), Path("/m")))

    def test_the_image_is_that_of_a_cloud(self, image: Image) -> None:
        """What Debian marks as required and important, and no package lists: those are not to be kept."""
        argv = build_argv(image, Path("/x"), Path("/m"))
        assert "--variant=important" in argv
        assert not any("skip" in argument for argument in argv)
