# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: bcc. Source text in, pinned maps and programs out, in a child process that ends with it.

bcc and LLVM would stay in memory with some 90 MB, so the daemon never imports them. A child that is killed anywhere is
finished by the next one (R25). Maps that are pinned already are used again, with all their counts.
"""

import contextlib
import ctypes as ct
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from esimshaper.core.model.errors import FailedOperation, Operation
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.core.model.kernel import mark_shift
from esimshaper.core.model.limits import Policy
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.edge.bpf import layouts, libbpf, policy_layout

SCHEMA = 17
"""Version of map layouts: part of the pins' path, so that maps of another layout are never taken for ours."""

AT_LINKS = (
    "lan_egress_ethernet",
    "lan_egress_raw",
    "lan_ingress_ethernet",
    "lan_ingress_raw",
    "wan_egress_ethernet",
    "wan_egress_raw",
    "wan_ingress_ethernet",
    "wan_ingress_raw",
    "wan_tap",
)
BESIDE_LINKS = (
    "name_flows",
    "server_egress_ethernet",
    "server_egress_raw",
    "server_ingress_ethernet",
    "server_ingress_raw",
    "translator_egress_ethernet",
    "translator_egress_raw",
    "translator_ingress_ethernet",
    "translator_ingress_raw",
    "tunnel_egress_ethernet",
    "tunnel_egress_raw",
    "tunnel_ingress_ethernet",
    "tunnel_ingress_raw",
)
PROGRAMS = (*AT_LINKS, *BESIDE_LINKS)
PARTS = {1: AT_LINKS, 2: BESIDE_LINKS}
"""Halves of the work, which two processors do at the same time; the numbers are bits of PART in meter.c."""
ALL = sum(PARTS)
SOCKET_FILTERS = {"wan_tap"}
"""Programs for packet sockets; all others are for tc."""
FOR_NAMES = {"name_flows"}
"""Programs that are not there where bytes have no services."""
INCLUDE = re.compile(r'#include "(\w+\.h)"')
XFRM = Path("/proc/sys/net/core/xfrm_acq_expires")
"""Is there where the kernel has IPsec, and so the helper that tells a packet which it has unpacked."""
COMPILE_SECONDS = 120
MODULE = "esimshaper.edge.bpf.compiler"
"""The name of this one, also where it is `__main__`."""

_SOURCE_ERROR = re.compile(r"^\S+:\d+:\d+: (?:fatal )?error: .+$", re.MULTILINE)
"""The first error that clang reports: `file:line:column: error: message`."""
_VERIFIER_ERROR = re.compile(r"^(.+)\nprocessed \d+ insns", re.MULTILINE)
"""The end of the verifier's log: what it refused, and statistics (print_verification_stats, kernel/bpf/verifier.c)."""
_VERIFIER_PLACE = re.compile(r"^;.* @ (\S+:\d+)$", re.MULTILINE)
"""In that log: the line of the source that the next instructions are from. Older kernels than 6.9 do not name it."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a build depends on: folder of the pins, bits of the mark (0 for none), sizes of the tables.

    The bits have room for all accounts. services: bytes are counted by what they were for, which has maps of its own.
    uplinks: the names of several, in the order of their slots; none where there is one, which needs no maps for that.
    scopes: the keys of those that quotas have.
    """

    pins: str
    mark_mask: int
    accounts: int
    flows: int
    services: bool = True
    uplinks: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @property
    def generation(self) -> Path:
        """Folder of the maps. Other sizes or another mask are other maps. (bpffs refuses names with a dot.)"""
        services = layouts.SERVICES if self.services else 0
        name = f"v{SCHEMA}-{self.mark_mask:08x}-{self.accounts}-{self.flows}-{services}"
        # Slots have the same names for the life of the maps.
        apart = "\0".join(self.uplinks) + "".join(f"\1{scope}" for scope in self.scopes)
        names = hashlib.sha256(apart.encode()).hexdigest()[:8]
        return Path(self.pins) / (f"{name}-{names}" if self.uplinks else name)

    @property
    def programs(self) -> Path:
        """Folder of the programs, named by the source that they were made from."""
        digest = hashlib.sha256()
        for path in sorted(source_folder().rglob("*.[ch]")):
            digest.update(path.read_bytes())
        return self.generation / f"programs-{digest.hexdigest()[:12]}"

    @property
    def unfinished(self) -> Path:
        """Folder of the programs until all of them are there."""
        return self.generation / f"unfinished-{self.programs.name}"

    def names(self, part: int = ALL) -> tuple[str, ...]:
        """The names of the programs, or of those in some of PARTS."""
        of_part = (name for number, names in PARTS.items() if number & part for name in names)
        return tuple(name for name in of_part if self.services or name not in FOR_NAMES)


def source_folder() -> Path:
    """`bpf/`: inside the installed package, or beside it in a checkout."""
    installed = Path(__file__).parents[2] / "bpf"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "bpf"


def build(wanted: Build) -> None:
    """Compiles, loads and pins in a child process. Raises FailedOperation."""
    libbpf.library()  # the child needs it, too, and could not say so as well
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    try:
        done = subprocess.run(
            _child(wanted),
            check=False,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
            env=environment,
            cwd=source_folder(),  # both Python and bcc look first in the working directory for what they include
        )
    except subprocess.TimeoutExpired:
        raise FailedOperation(Operation.COMPILER, 0, f"it took more than {COMPILE_SECONDS} s") from None
    if done.returncode:
        raise _failure(done.returncode, done.stderr)


def _child(wanted: Build, *part: str) -> list[str]:
    return [_interpreter(), "-m", MODULE, json.dumps(asdict(wanted)), *part]


def _interpreter() -> str:
    """bcc is seen only by Debian's own interpreter."""
    return DEBIAN_PYTHON if Path(DEBIAN_PYTHON).exists() else sys.executable


def _failure(code: int, errors: str) -> FailedOperation:
    """From what a failed child wrote: bcc is missing, an error of compiler or verifier, or a lack of privileges."""
    if "No module named 'bcc'" in errors:
        return FailedOperation(Operation.COMPILER)
    if mistake := _SOURCE_ERROR.search(errors):
        return FailedOperation(Operation.SOURCE, 0, mistake[0])
    # The verifier refuses a program with EACCES, too: its log tells it from a lack of privileges.
    if refused := _VERIFIER_ERROR.search(errors):
        places = _VERIFIER_PLACE.findall(errors, 0, refused.start())
        return FailedOperation(Operation.LOAD, 0, ": ".join([*places[-1:], refused[1]]))
    if "Operation not permitted" in errors or "Permission denied" in errors:
        return FailedOperation(Operation.LOAD, errno.EPERM)
    # Else Python's last line, which names the exception.
    return FailedOperation(Operation.LOAD, 0, (errors.strip().splitlines() or [f"exit status {code}"])[-1])


def main(description: str, part: int = 0) -> None:
    """The child, or one of its own for a part: standard error explains a failure, and the exit status says that."""
    said = json.loads(description)
    wanted = Build(**{**said, "uplinks": tuple(said["uplinks"]), "scopes": tuple(said["scopes"])})
    if part:
        _load(wanted, part)
        return
    wanted.generation.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The child of a daemon that was killed may still be at work: two children would hand out account numbers twice.
    with _locked(wanted.generation) as lock:
        if not wanted.programs.is_dir():
            _load_all(wanted, lock)
        initialise_maps(wanted)


def _load_all(wanted: Build, lock: int) -> None:
    """All programs appear under their final name at once. The processes for parts hold the lock as well."""
    wanted.unfinished.mkdir(mode=0o700, exist_ok=True)
    for left in wanted.generation.glob("fresh-*"):  # an earlier child was killed
        _remove(left)
    if len(os.sched_getaffinity(0)) == 1:
        _load(wanted, ALL)  # at the same time, parts would only take more memory
    else:
        commands = [_child(wanted, str(part)) for part in PARTS]
        parts = [subprocess.Popen(each, pass_fds=[lock], stderr=subprocess.PIPE) for each in commands]
        for part in parts:  # one after the other: what both say at once would be a line of both
            sys.stderr.write(part.communicate()[1].decode(errors="replace"))
        if any(part.returncode for part in parts):
            sys.exit(1)
    wanted.unfinished.rename(wanted.programs)


def _load(wanted: Build, part: int) -> None:
    """Maps that are pinned already stay, the others are made. Programs are pinned in `unfinished`."""
    os.environ["BCC_KERNEL_SOURCE"] = str(source_folder() / "shim")
    from bcc import BPF, lib  # noqa: PLC0415  only in the child

    fresh = wanted.generation / f"fresh-{part}"
    fresh.mkdir(mode=0o700)
    defines = {
        "MARK_MASK": f"{wanted.mark_mask:#x}U",
        "MARK_SHIFT": mark_shift(wanted.mark_mask),
        "ACCOUNTS": wanted.accounts,
        "FLOWS": wanted.flows,
        "XFRM": int(XFRM.exists()),
        "NAMES": int(wanted.services),
        "UPLINKS": len(wanted.uplinks),
        "SCOPES": len(wanted.scopes),
        "PART": part,
        "PIN": f'"{fresh}"',
    }
    flags = [f"-D{name}={value}" for name, value in defines.items()]
    module = BPF(text=flatten(source_folder() / "meter.c"), cflags=flags)
    _settle(wanted, fresh, lambda name: lib.bpf_table_fd(module.module, os.fsencode(name)))
    for name in wanted.names(part):
        pin = wanted.unfinished / name
        pin.unlink(missing_ok=True)
        program = module.load_func(name, BPF.SOCKET_FILTER if name in SOCKET_FILTERS else BPF.SCHED_CLS)
        if lib.bpf_obj_pin(program.fd, os.fsencode(pin)) < 0:
            number = ct.get_errno()
            raise OSError(number, f"cannot pin {pin}: {os.strerror(number)}")


def _settle(wanted: Build, fresh: Path, descriptor: Callable[[str], int]) -> None:
    """Puts the maps that were there before in the place of those that bcc has just made; the others stay.

    bcc itself would open a pinned map by its number, which only CAP_SYS_ADMIN may. Programs refer to maps by
    `descriptor` until they are loaded.
    """
    with _locked(wanted.unfinished):  # another part finds the maps of this one, or the other way round
        for pin in list(fresh.iterdir()):
            settled = fresh.with_name(pin.name)
            if settled.exists():
                before = libbpf.open_pin(settled)
                os.dup2(before, descriptor(pin.name))
                os.close(before)
            else:
                pin.rename(settled)
        _remove(fresh)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    for pin in folder.iterdir():
        pin.unlink()
    folder.rmdir()


def flatten(path: Path, seen: set[Path] | None = None) -> str:
    """A source with its own headers written into it: bcc rewrites the use of maps in the text of one file only."""
    seen = set() if seen is None else seen
    seen.add(path)
    lines = [f'#line 1 "{path.name}"']
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        included = INCLUDE.fullmatch(line)
        if included is None:
            lines.append("" if line == "#pragma once" else line)
        elif (header := path.parent / included[1]) not in seen:
            lines += [flatten(header, seen), f'#line {number + 1} "{path.name}"']
    return "\n".join(lines)


def initialise_maps(wanted: Build) -> None:
    """Gives new maps policies without limits, their free account numbers and, as the very last step, their epoch."""
    with contextlib.ExitStack() as opened:

        def open_map(name: str, key_size: int, value_size: int) -> libbpf.Map:
            found = libbpf.Map(wanted.generation / name, key_size, value_size)
            opened.callback(found.close)
            return found

        meta = open_map("meta", layouts.NUMBER.size, layouts.META.size)
        only = layouts.NUMBER.pack(0)
        if layouts.META.unpack(meta.lookup(only) or b"")[0]:
            return
        policies = open_map("policies", layouts.NUMBER.size, layouts.POLICY.size)
        no_limits = policy_layout.to_bytes(Policy())
        for number in range(policies.max_entries):  # a policy of zeros would block everything
            policies.update(layouts.NUMBER.pack(number), no_limits)
        free = open_map("free_accounts", 0, layouts.NUMBER.size)
        while free.pop() is not None:  # an earlier child was killed while it filled the queue
            pass
        for number in range(FIRST_CLIENT_ACCOUNT, wanted.accounts - 1):  # the last account is that of `others`
            free.update(b"", layouts.NUMBER.pack(number))
        if wanted.uplinks:
            names = open_map("uplink_names", layouts.UPLINK_NAME.size, layouts.NUMBER.size)
            for slot, name in enumerate(wanted.uplinks):
                names.update(layouts.UPLINK_NAME.pack(name.encode()), layouts.NUMBER.pack(slot))
        if wanted.scopes:
            names = open_map("scope_names", layouts.SCOPE_NAME.size, layouts.NUMBER.size)
            for number, key in enumerate(wanted.scopes, 1):
                names.update(layouts.SCOPE_NAME.pack(key.encode()), layouts.NUMBER.pack(number))
        meta.update(only, layouts.META.pack(secrets.randbits(63) | 1, SCHEMA, wanted.mark_mask))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
