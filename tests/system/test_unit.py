# SPDX-License-Identifier: GPL-2.0-or-later
"""What the systemd unit allows is enough to load the meter, and to load it as fast as it can be."""

import ctypes as ct
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from esimshaper.edge import compiler, libbpf
from tests import tools

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to load BPF programs")

BUILD = (
    "import sys; from esimshaper.edge import compiler; compiler.build(compiler.Build(sys.argv[1], 0xFF000000, 64, 64))"
)


class ProgramInfo(ct.Structure):
    """The beginning of struct bpf_prog_info (linux/bpf.h)."""

    _fields_ = (("type", ct.c_uint32), ("id", ct.c_uint32), ("tag", ct.c_uint8 * 8), ("machine_code_size", ct.c_uint32))


def size_of(pin: Path) -> int:
    """Bytes of machine code. 0: the kernel interprets."""
    info, size = ProgramInfo(), ct.c_uint32(ct.sizeof(ProgramInfo))
    program = libbpf.open_pin(pin)
    assert libbpf.library().bpf_obj_get_info_by_fd(program, ct.byref(info), ct.byref(size)) == 0
    os.close(program)
    return info.machine_code_size


def machine_code(pins: Path, before: Sequence[str] = ()) -> dict[str, int]:
    """Loads the meter; the size of each program as the processor runs it."""
    wanted = compiler.Build(str(pins), 0xFF000000, 64, 64)
    subprocess.run([*before, sys.executable, "-c", BUILD, str(pins)], cwd=tools.ROOT, check=True)
    return {name: size_of(wanted.programs / name) for name in compiler.PROGRAMS}


def test_the_capabilities_of_the_unit_load_the_same_programs_as_root(bpffs: Path) -> None:
    """Without CAP_PERFMON the verifier adds guards against speculation: 206 ns for a packet, not 59."""
    unit = (tools.ROOT / "systemd/esimshaper-build.service").read_text()
    (granted,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    only = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in granted.split())])
    as_the_unit = ("setpriv", f"--bounding-set={only}", f"--inh-caps={only}", "--no-new-privs")
    assert machine_code(bpffs / "unit", as_the_unit) == machine_code(bpffs / "root")
