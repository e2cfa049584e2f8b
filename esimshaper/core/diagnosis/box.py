# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on the box itself: kernel, libraries, clock, disk. Pure; the rules are those of findings.py."""

import errno
import re

from esimshaper.core.diagnosis.explain import AS_ROOT, DEBIAN_KERNEL, finding_of
from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.errors import Failure, Operation
from esimshaper.core.model.packages import LIBRARIES

OLDEST_KERNEL = (5, 12)
"""5.12 has atomic operations that return the old value; the ring buffer came with 5.8 (kernel/bpf/core.c)."""

OLDEST_KERNEL_OF_SERVICE = (5, 19)
"""An older kernel, with Debian's kernel.unprivileged_bpf_disabled, keeps a process without CAP_BPF even from maps that
are pinned for it (kernel/bpf/syscall.c; commit c8644cd0efe7)."""

ENOUGH_BYTES = 64 * 1000 * 1000
"""Room for the database with a year of history, and for its journal."""

OLDEST_TIME = 1704067200
"""2024-01-01: a clock that shows an earlier date was never set."""


def _privileges(facts: BoxFacts) -> Findings:
    if missing := _missing(facts):
        sentence = f"You lack the rights to look ({' and '.join(missing)}), so there is no verdict on this box."
        hint = "sudo esimshaper doctor; in a container, its system call filter must allow bpf too"
        yield Finding.problem("privileges", sentence, hint)
    elif facts.privileges:
        yield Finding.ok("privileges", "This process may load BPF programs and attach them.")


def _missing(facts: BoxFacts) -> list[str]:
    """The capabilities that this process needs and does not have."""
    if facts.privileges is None:
        return []
    held = facts.privileges.capabilities
    missing = [] if held & {"CAP_BPF", "CAP_SYS_ADMIN"} else ["CAP_BPF"]
    return missing + ([] if "CAP_NET_ADMIN" in held else ["CAP_NET_ADMIN"])


def lacks_rights(facts: BoxFacts) -> bool:
    """Whether this process may not look at all of the box: what it is forbidden then says nothing about the box."""
    return bool(_missing(facts))


def _kernel(facts: BoxFacts) -> Findings:
    if facts.kernel is None or facts.failures is None:
        return
    if lacks_rights(facts) and any(each.errno in (errno.EPERM, errno.EACCES) for each in facts.failures):
        return
    failed = [failure for failure in facts.failures if failure.operation is not Operation.NAMESPACE]
    for failure in failed:
        yield finding_of("kernel", failure)
    if failed and _is_older(facts.kernel, OLDEST_KERNEL):
        yield Finding.problem(
            "kernel", f"Linux {facts.kernel} is older than 5.12, which the meter needs.", DEBIAN_KERNEL
        )
    elif not failed and len(failed) == len(facts.failures):
        yield Finding.ok(
            "kernel",
            f"Linux {facts.kernel} loads and attaches BPF programs. This was tried in a separate network namespace.",
        )
    elif not failed:
        yield Finding.note(
            "kernel", f"Linux {facts.kernel} loads BPF programs. Whether it attaches them could not be tried.", AS_ROOT
        )
    unit = facts.service and facts.service.load == "loaded"
    if not failed and unit and not facts.daemon_listens and _is_older(facts.kernel, OLDEST_KERNEL_OF_SERVICE):
        sentence = f"Linux {facts.kernel} is older than 5.19: it may forbid the service to use the counters."
        yield Finding.warning(
            "kernel", sentence, "if `sysctl kernel.unprivileged_bpf_disabled` shows 0, the service may use them"
        )


def _is_older(kernel: str, version: tuple[int, int]) -> bool:
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return found is not None and (int(found[1]), int(found[2])) < version


def _bpffs(facts: BoxFacts) -> Findings:
    place = facts.bpffs
    if place is None:
        return
    if not place.mounted:
        yield finding_of("bpffs", Failure(Operation.BPFFS))
    elif not place.writable and not lacks_rights(facts):
        yield finding_of("bpffs", Failure(Operation.PIN, errno.EROFS))
    elif not place.writable:
        return
    else:
        yield Finding.ok("bpffs", f"The counters can be pinned below {place.path}.")


def _compiler(facts: BoxFacts) -> Findings:
    found = facts.compiler
    if found is None:
        return
    if found.detail:
        yield finding_of("compiler", Failure(Operation.COMPILER, detail=f"{found.python}: {found.detail}"))
    else:
        sentence = f"bcc {found.version} is installed and loads; --self-test compiles the meter with it."
        yield Finding.ok("compiler", sentence)


def _libraries(facts: BoxFacts) -> Findings:
    if isinstance(facts.libbpf, Failure):
        yield finding_of("libbpf", facts.libbpf)
    elif facts.libbpf is not None:
        yield Finding.ok("libbpf", f"libbpf {facts.libbpf} is installed and loads.")
    libraries = facts.libraries or {}
    needed = {library.distribution for library in LIBRARIES if library.needed}
    missing = [name for name, version in libraries.items() if name in needed and not version]
    if missing:
        packages = " ".join(library.package for library in LIBRARIES if library.distribution in missing)
        yield Finding.problem(
            "libraries",
            f"The daemon cannot start without these libraries: {', '.join(missing)}.",
            f"apt install {packages}",
        )
    elif libraries:
        yield Finding.ok(
            "libraries",
            "Installed: " + ", ".join(f"{name} {version}" for name, version in libraries.items() if version) + ".",
        )


def _jit(facts: BoxFacts) -> Findings:
    if facts.jit is False:
        sentence = (
            "The kernel interprets BPF programs and does not compile them. The counts are right, but each packet costs "
            "more time."
        )
        yield Finding.warning("jit", sentence, "sysctl -w net.core.bpf_jit_enable=1")


def _clock(facts: BoxFacts) -> Findings:
    if facts.clock is None:
        return
    hint = "timedatectl set-ntp true"
    if facts.clock.unix < OLDEST_TIME:
        yield Finding.warning("clock", "The clock has not been set: history would be booked under wrong days.", hint)
    elif not facts.clock.synchronised:
        sentence = "The clock is not synchronised: days and months of quotas may begin early or late."
        yield Finding.warning("clock", sentence, hint)
    else:
        yield Finding.ok("clock", "The clock is synchronised.")
    if not facts.clock.hardware:
        sentence = (
            "This box has no hardware clock. After each start, days and months of quotas wait until the time was set."
        )
        yield Finding.note(
            "clock", sentence, "give the box Internet access after its start, or add a clock module with a battery"
        )


def _state(facts: BoxFacts) -> Findings:
    place = facts.state
    if place is None or (
        not place.writable and lacks_rights(facts)
    ):  # what is missing is our privilege, not the directory
        return
    if not place.writable:
        sentence = f"{place.path} cannot be written: history and names would be lost at the next start."
        yield Finding.problem(
            "state", sentence, f"run `mkdir -p {place.path}`, and check that the file system is not read-only"
        )
    elif place.free_bytes < ENOUGH_BYTES:
        free = place.free_bytes // 1_000_000
        sentence = (
            f"Only {free} MB are free for {place.path}. When the disk is full, no history is saved; counting goes on."
        )
        yield Finding.warning("state", sentence, f"df -h {place.path}")
    elif place.volatile:
        sentence = f"{place.path} is in memory: history and the usage of quotas are gone when the box is off."
        yield Finding.warning("state", sentence, f"move it to a disk; `findmnt -T {place.path}` shows where it is")
    else:
        yield Finding.ok("state", f"{place.path} has room for history.")


CHECKS = (
    _privileges,
    _kernel,
    _bpffs,
    _compiler,
    _libraries,
    _jit,
    _clock,
    _state,
)
