# SPDX-License-Identifier: GPL-2.0-or-later
"""The linters, as tests."""

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

from tests import tools

SOURCES = sorted((tools.ROOT / "bpf").glob("*.[ch]"))
SCRIPTS = [".ci/run", *sorted(str(path) for path in (tools.ROOT / "tests/system").glob("*.sh"))]


def lint(tool: str, *arguments: str) -> None:
    program = tools.find(tool)
    result = subprocess.run([program, *arguments], cwd=tools.ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"\n{result.stdout}{result.stderr}"


def test_python_has_no_lint():
    lint("ruff", "check", "--quiet", ".")


def test_python_is_formatted():
    lint("ruff", "format", "--check", "--quiet", ".")


def test_types_are_right():
    lint("mypy", "--no-error-summary")


def test_shell_has_no_lint():
    lint("shellcheck", *SCRIPTS)


def test_yaml_has_no_lint():
    lint("yamllint", "--strict", "etc", "contrib")


def test_schema_is_a_schema():
    schema = json.loads((tools.ROOT / "esimshaper/esimshaper.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_contract_compiles_alone():
    """Its assertions on sizes hold for the kernel's machine, without bcc and without kernel headers."""
    shim = ("-I", "bpf/shim/include", "-include", "bpf/contract.h")
    lint("clang", "-target", "bpf", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *shim, "-x", "c", "/dev/null")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_each_part_of_the_kernel_code_includes_what_it_needs(source: Path):
    """Read by a plain compiler, with tests/bpf/bcc.h for what bcc would put before it."""
    alone = ("-include", "tests/bpf/bcc.h", "-include", str(source))
    lint("clang", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *alone, "-x", "c", "/dev/null")
