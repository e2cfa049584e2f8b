# SPDX-License-Identifier: GPL-2.0-or-later
"""A build that fails says why: the C compiler's own line, or the verifier's."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from esimshaper.core.diagnosis.explain import explain
from esimshaper.core.model.errors import Failure, Operation
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.lab.carrier import python_environment
from tests.bpf.trees import copied, replaced

BUILD = """
import json, sys
from esimshaper.core.model.errors import FailedOperation
from esimshaper.edge.bpf import compiler
try:
    compiler.build(compiler.Build(sys.argv[1], 0xFFF00000, 64, 256))
except FailedOperation as error:
    print(json.dumps([error.failure.operation.value, error.failure.errno, error.failure.detail]))
"""


def failure_of(tree: Path, pins: Path) -> Failure:
    command = [DEBIAN_PYTHON, "-c", BUILD, str(pins)]
    environment = python_environment() | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=True)
    operation, errno, detail = json.loads(done.stdout)
    return Failure(Operation(operation), errno, detail)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "limits.h",
            "	u32 exempt = 0;",
            "	u32 exempt = 0",
            r"limits\.h:\d+:16: error: expected ';' at end of declaration",
        ),
        (
            "contract.h",
            "<linux/types.h>",
            "<linux/type.h>",
            r"contract\.h:\d+:10: fatal error: 'linux/type.h' file not found",
        ),
        ("maps.h", "struct flow, flows,", "struct flow, flow,", r"attribution\.h:\d+:\d+: error: .*'flows'.*"),
    ],
)
def test_mistake_in_the_source_is_shown_with_its_file_and_line(
    bpffs: Path, tmp_path: Path, file: str, right: str, wrong: str, said: str
) -> None:
    tree = copied(tmp_path)
    replaced(tree / "bpf" / file, right, wrong)
    failure = failure_of(tree, bpffs / "pins")
    assert failure.operation is Operation.SOURCE
    assert re.fullmatch(said, failure.detail)
    assert failure.detail in explain(failure).message


def test_refusal_of_the_verifier_names_its_line_and_is_no_lack_of_privileges(bpffs: Path, tmp_path: Path) -> None:
    tree = copied(tmp_path)
    replaced(
        tree / "bpf" / "attribution.h", "if (known && known->account == account) {", "if (known->account == account) {"
    )
    failure = failure_of(tree, bpffs / "pins")
    assert (failure.operation, failure.errno) == (Operation.LOAD, 0)
    assert re.fullmatch(r"attribution\.h:\d+: R\d invalid mem access 'map_value_or_null'", failure.detail)
