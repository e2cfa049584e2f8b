# SPDX-License-Identifier: GPL-2.0-or-later
"""The wheel: `pip install` gives the same program as a checkout. It is installed here by unpacking it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import tools

PRINT_SOURCES = "from esimshaper.edge.bpf.compiler import source_folder; print(source_folder())"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the unpacked wheel."""
    built, site = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    command = [tools.find("hatchling"), "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(command, cwd=tools.ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def installed(site: Path, *arguments: str) -> str:
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/sbin:/usr/bin"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=site, env=environment, check=True, capture_output=True, text=True).stdout


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_the_wheel_has_all_of_the_program_and_nothing_else(site):
    (information,) = site.glob("*.dist-info")
    packed = {path for path in files(site) if path.parts[0] != information.name}
    program = {"esimshaper" / path for path in files(tools.ROOT / "esimshaper")}
    assert packed == program | {"esimshaper/bpf" / path for path in files(tools.ROOT / "bpf")}


def test_an_installed_program_reads_its_configuration_and_finds_its_kernel_part(site):
    assert "good" in installed(site, "-m", "esimshaper", "check", str(tools.ROOT / "etc/esimshaper.yaml"))
    assert installed(site, "-c", PRINT_SOURCES).strip() == str(site / "esimshaper/bpf")
