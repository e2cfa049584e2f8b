# SPDX-License-Identifier: GPL-2.0-or-later
"""What system tests share: the package, Debian trees of each release, and the package at work in one of them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind
from tests import tools
from tests.system import tree
from tests.system.debian import Debian


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 1.deb, which `make deb` has made, and 2.deb, a later version with another kernel part."""
    place = tmp_path_factory.mktemp("packages")
    place.parent.chmod(0o755)
    subprocess.run(["make", "deb", f"dist={place}"], cwd=tools.ROOT, check=True, capture_output=True)
    (made,) = place.glob("*.deb")
    made.rename(place / "1.deb")
    content = place / "content"
    subprocess.run(["dpkg-deb", "-R", place / "1.deb", content], check=True)
    control = content / "DEBIAN/control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+next", control.read_text(), flags=re.MULTILINE))
    with (content / "usr/lib/esimshaper/bpf/meter.c").open("a") as source:
        source.write("/* the next version */\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", content, place / "2.deb"], check=True)
    return place


@pytest.fixture(scope="session")
def trees(request: pytest.FixtureRequest, packages: Path) -> Iterator[tree.Trees]:
    """Those of the releases that are asked for in this run."""
    tree.sweep()
    wanted = {item.callspec.params["release"] for item in request.session.items if "release" in item.fixturenames}
    made = tree.Trees(sorted(wanted), tree.dependencies(packages / "1.deb"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=tree.RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def router(release: str, trees: tree.Trees, packages: Path) -> Iterator[Debian]:
    """A Debian that is the router of a lab, with esimshaper at work in it."""
    with Lab(WanKind.TUN) as lab, Debian(trees[release], lab, packages) as debian:
        debian.provision()
        yield debian


@pytest.fixture
def new_lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as lab:
        yield lab
