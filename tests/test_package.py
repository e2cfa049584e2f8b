# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package as it is built: what is in it, what it needs, what lintian says. tests/system installs it."""

import re
import subprocess
from pathlib import Path

import pytest

import esimshaper
from esimshaper.core.model.packages import LIBRARIES
from esimshaper.setup import EXAMPLE
from tests import tools
from tests.test_wheel import files


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by `make deb`, which leaves nothing else behind."""
    place, before = tmp_path_factory.mktemp("dist"), files(tools.ROOT / "debian")
    subprocess.run(["make", "deb", f"dist={place}"], cwd=tools.ROOT, check=True, capture_output=True)
    assert files(tools.ROOT / "debian") == before
    (package,) = place.iterdir()
    return package


@pytest.fixture(scope="module")
def content(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("content")
    subprocess.run(["dpkg-deb", "--raw-extract", package, place], check=True)
    return place


def field(package: Path, name: str) -> str:
    command = ["dpkg-deb", "--field", package, name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_lintian_has_nothing_to_say(package):
    command = [tools.find("lintian"), "--allow-root", "--fail-on", "error,warning", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_it_has_the_version_of_the_program_and_is_for_every_machine(package):
    assert package.name == f"esimshaper_{esimshaper.__version__}_all.deb"
    assert field(package, "Version") == esimshaper.__version__


def test_it_needs_the_libraries_that_the_program_imports(package):
    needed = {each.split()[0] for each in field(package, "Depends").split(", ")}
    assert {library.package for library in LIBRARIES} <= needed  # also what it does without for a while


def test_it_has_all_of_the_program_and_no_bytecode(content):
    program = content / "usr/lib/esimshaper"
    expected = {part / path for part in ("esimshaper", "bpf") for path in files(tools.ROOT / part)}
    assert files(program) == expected
    assert not [*content.rglob("*.pyc")]


def test_what_people_edit_is_kept_over_upgrades(content):
    assert (content / "DEBIAN/conffiles").read_text().split() == ["/etc/esimshaper/esimshaper.yaml"]


def test_documentation_is_where_units_hints_and_pages_say(content):
    texts = [*(tools.ROOT / "systemd").iterdir(), *(tools.ROOT / "esimshaper").rglob("*.py")]
    texts += (tools.ROOT / "esimshaper").glob("*.json")
    named = {path for text in texts for path in re.findall(r"/usr/share/doc/[\w./-]+\w", text.read_text())}
    assert named == {
        f"/usr/share/doc/esimshaper/{name}" for name in ("README.md", "esimshaper.yaml", "plans", "plans/travel.yaml")
    }
    assert all((content / path.lstrip("/")).exists() for path in named)


def test_what_setup_compares_with_is_there_where_documentation_is_left_out(content):
    assert EXAMPLE.parts[3] != "doc"
    edited = content / "etc/esimshaper/esimshaper.yaml"
    assert (content / str(EXAMPLE).lstrip("/")).read_bytes() == edited.read_bytes()


def test_it_brings_units_catalogs_pages_and_completion(content):
    for path in (tools.ROOT / "systemd").iterdir():
        installed = {
            ".service": f"lib/systemd/system/{path.name}",
            ".socket": f"lib/systemd/system/{path.name}",
            ".path": f"lib/systemd/system/{path.name}",
            ".catalog": f"lib/systemd/catalog/{path.name}",
            ".sysusers": f"lib/sysusers.d/{path.stem}.conf",
            ".rules": f"share/polkit-1/rules.d/{path.name}",
        }
        assert (content / "usr" / installed[path.suffix]).read_bytes() == path.read_bytes()
    share = content / "usr/share"
    for name in (
        "man/man8/esimshaper.8.gz",
        "man/man5/esimshaper.yaml.5.gz",
        "bash-completion/completions/esimshaper",
        "zsh/vendor-completions/_esimshaper",
    ):
        assert (share / name).stat().st_size
