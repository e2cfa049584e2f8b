# SPDX-License-Identifier: GPL-2.0-or-later
"""The linters, as tests. One that is not installed skips its test on a laptop and fails it where CI=true is set.

`make test` and `make lint` put ruff and mypy into .venv, in the versions that the Makefile pins; others come from apt.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [".ci/run"]


def lint(tool: str, *arguments: str) -> None:
    program = shutil.which(tool, path=f"{ROOT}/.venv/bin:{os.environ['PATH']}")
    if program is None:
        missing = f"{tool} is not installed: `sudo make test` or `make lint` does it"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    result = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
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
    lint("yamllint", "--strict", "etc")


def test_schema_is_a_schema():
    schema = json.loads((ROOT / "esimshaper/esimshaper.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_contract_compiles_alone():
    """Its assertions on sizes hold for the kernel's machine, without bcc and without kernel headers."""
    shim = ("-I", "bpf/shim/include", "-include", "bpf/esimshaper.h")
    lint("clang", "-target", "bpf", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *shim, "-x", "c", "/dev/null")
