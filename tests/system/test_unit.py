# SPDX-License-Identifier: GPL-2.0-or-later
"""What the systemd units allow: not too much, and enough to load the meter as fast as it can be."""

import ctypes as ct
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from esimshaper.edge.bpf import compiler, libbpf
from tests import tools
from tests.kernel_parts import PATIENCE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to load BPF programs")

BUILD = (
    f"import sys; from esimshaper.edge.bpf import compiler; compiler.COMPILE_SECONDS = {PATIENCE};"
    "compiler.build(compiler.Build(sys.argv[1], 0xFF000000, 64, 64))"
)


class ProgramInfo(ct.Structure):
    """The beginning of struct bpf_prog_info (linux/bpf.h)."""

    _fields_ = (
        ("type", ct.c_uint32),
        ("id", ct.c_uint32),
        ("tag", ct.c_uint8 * 8),
        ("machine_code_size", ct.c_uint32),  # 0: the kernel interprets
        ("instructions_size", ct.c_uint32),
        ("machine_code", ct.c_uint64),
        ("instructions", ct.c_uint64),
        ("load_time", ct.c_uint64),
        ("user", ct.c_uint32),
        ("number_of_maps", ct.c_uint32),
        ("maps", ct.c_uint64),
    )


def read(pin: Path, info: ProgramInfo) -> ProgramInfo:
    size = ct.c_uint32(ct.sizeof(ProgramInfo))
    program = libbpf.open_pin(pin)
    assert libbpf.library().bpf_obj_get_info_by_fd(program, ct.byref(info), ct.byref(size)) == 0
    os.close(program)
    return info


def maps_of(pin: Path) -> set[int]:
    """Numbers of the maps that a program uses."""
    numbers = (ct.c_uint32 * 64)()
    info = read(pin, ProgramInfo(number_of_maps=len(numbers), maps=ct.addressof(numbers)))
    return set(numbers[: info.number_of_maps])


def machine_code(pins: Path, before: Sequence[str] = ()) -> dict[str, int]:
    """Loads the meter; the size of each program as the processor runs it."""
    wanted = compiler.Build(str(pins), 0xFF000000, 64, 64)
    subprocess.run([*before, sys.executable, "-c", BUILD, str(pins)], cwd=tools.ROOT, check=True)
    return {name: read(wanted.programs / name, ProgramInfo()).machine_code_size for name in compiler.PROGRAMS}


def as_the_unit() -> Sequence[str]:
    """Before a command: with the capabilities of the unit that builds."""
    unit = (tools.ROOT / "systemd/esimshaper-build.service").read_text()
    (granted,) = re.findall(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    only = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in granted.split())])
    return "setpriv", f"--bounding-set={only}", f"--inh-caps={only}", "--no-new-privs"


def test_the_capabilities_of_the_unit_load_the_same_programs_as_root_also_for_maps_that_are_there(bpffs: Path) -> None:
    """Without CAP_PERFMON the verifier adds guards against speculation: 206 ns for a packet, not 59.

    And bcc opens maps that are pinned in a way that takes CAP_SYS_ADMIN.
    """
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, 64, 64)
    first = machine_code(bpffs / "pins", as_the_unit())
    assert first == machine_code(bpffs / "root")
    maps = {pin.name: pin.stat().st_ino for pin in wanted.generation.iterdir() if pin.is_file()}
    programs_earlier = wanted.programs.rename(wanted.programs.with_name("programs-earlier"))
    assert machine_code(bpffs / "pins", as_the_unit()) == first
    assert {pin.name: pin.stat().st_ino for pin in wanted.generation.iterdir() if pin.is_file()} == maps
    now, earlier = (maps_of(each / "wan_egress_raw") for each in (wanted.programs, programs_earlier))
    assert len(now - earlier) == len(earlier - now) == 2, "but for the rooms of each load: for heads, and for headers"


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("esimshaper.service", 20),
        ("esimshaper-build.service", 20),
        ("esimshaper-names.service", 15),
        ("esimshaper-modems.service", 15),
        ("esimshaper-notify.service", 20),
        ("esimshaper-web.service", 10),
        ("esimshaper-web-listen.service", 15),
        ("esimshaper-resolver.service", 16),
    ],
)
def test_the_units_allow_little(unit: str, most: int) -> None:
    """At most 2.0 of 10 where systemd adds up what a service could do to a machine; timesyncd has 2.3, chrony 3.7."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", "--no-pager", f"systemd/{unit}"]
    done = subprocess.run(command, cwd=tools.ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
