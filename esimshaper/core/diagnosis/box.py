# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage `doctor`: facts about a box -> findings in plain words; a failed operation -> a message and a hint. Pure.

Each check is a small function in the list CHECKS. It stays silent about facts that could not be found out; `unknown`
tells of those. A sentence says what it means for the person, a hint is an exact command where there is one.
"""

import errno
import re

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.errors import Failure, Operation, Unusable
from esimshaper.core.model.packages import LIBRARIES

# 5.12 brought atomic operations that return the old value; the ring buffer came with 5.8 (kernel/bpf/core.c).
OLDEST_KERNEL = (5, 12)
# Before 5.19 kernel.unprivileged_bpf_disabled, which Debian sets, kept all without CAP_BPF also from what is pinned for
# them (kernel/bpf/syscall.c; commit c8644cd0efe7).
OLDEST_KERNEL_OF_SERVICE = (5, 19)

# Room for the database with a year of history, and for its journal.
ENOUGH_BYTES = 64 * 1000 * 1000

# 2024-01-01: a clock before this has never been set.
OLDEST_TIME = 1704067200

_DEBIAN_KERNEL = "use a kernel that has it; Debian's own has: apt install linux-image-$(dpkg --print-architecture)"
_AS_ROOT = (
    "run it as root, or give it CAP_BPF and CAP_NET_ADMIN (a container also needs a system call filter that allows bpf)"
)

# Operation, and errno or None for every other -> message, hint.
_EXPLANATIONS: dict[tuple[Operation, int | None], tuple[str, str]] = {
    (Operation.BPFFS, None): (
        "the BPF file system is not mounted at /sys/fs/bpf, so the counters have no place to live in",
        "mount -t bpf bpf /sys/fs/bpf",
    ),
    (Operation.MAP, errno.EPERM): ("the kernel forbids this process to use BPF: nothing can be counted", _AS_ROOT),
    (Operation.MAP, errno.ENOSYS): (
        "this kernel has no BPF (CONFIG_BPF_SYSCALL): nothing can be counted",
        _DEBIAN_KERNEL,
    ),
    (Operation.MAP, None): ("the kernel makes no BPF maps: nothing can be counted", _DEBIAN_KERNEL),
    (Operation.RING_BUFFER, None): ("this kernel has no BPF ring buffer (it came with 5.8)", _DEBIAN_KERNEL),
    (Operation.LOAD, errno.EPERM): (
        "the kernel forbids this process to load BPF programs: nothing can be counted",
        _AS_ROOT,
    ),
    (Operation.LOAD, errno.EINVAL): (
        "the kernel does not know an instruction that the meter uses (it came with 5.12): nothing can be counted",
        _DEBIAN_KERNEL,
    ),
    (Operation.LOAD, None): ("the kernel refuses the BPF programs: nothing can be counted", _DEBIAN_KERNEL),
    (Operation.PIN, errno.EPERM): (
        "the counters cannot be pinned: /sys/fs/bpf is no BPF file system, or not ours to write",
        "mount -t bpf bpf /sys/fs/bpf",
    ),
    (Operation.PIN, errno.EACCES): ("this user may not pin counters below /sys/fs/bpf", _AS_ROOT),
    (Operation.PIN, errno.EROFS): (
        "the counters cannot be pinned: /sys/fs/bpf is mounted read-only",
        "mount -o remount,rw /sys/fs/bpf",
    ),
    (Operation.PIN, None): (
        "the counters cannot be pinned below /sys/fs/bpf",
        "ls -la /sys/fs/bpf /sys/fs/bpf/esimshaper",
    ),
    (Operation.CLSACT, errno.ENOENT): (
        "this kernel has no clsact qdisc (CONFIG_NET_SCH_INGRESS): there is no place for the meter",
        "modprobe sch_ingress; if that fails, " + _DEBIAN_KERNEL,
    ),
    (Operation.CLSACT, errno.EEXIST): (
        "an `ingress` qdisc of somebody else is in the place of clsact: uploads could not be counted",
        "stop what made it, or remove it with: tc qdisc del dev INTERFACE ingress",
    ),
    (Operation.CLSACT, errno.EPERM): ("the kernel forbids this process to change tc: nothing can be counted", _AS_ROOT),
    (Operation.CLSACT, None): ("the clsact qdisc cannot be added: there is no place for the meter", "tc qdisc show"),
    (Operation.ATTACH, errno.ENOENT): (
        "this kernel has no cls_bpf (CONFIG_NET_CLS_BPF): the meter cannot be attached",
        "modprobe cls_bpf; if that fails, " + _DEBIAN_KERNEL,
    ),
    (Operation.ATTACH, errno.ENODEV): (
        "the interface is gone: its bytes are not counted until it returns",
        "ip link show",
    ),
    (Operation.ATTACH, errno.EPERM): ("the kernel forbids this process to change tc: nothing can be counted", _AS_ROOT),
    (Operation.ATTACH, None): (
        "the meter cannot be attached: nothing can be counted",
        "tc filter show dev INTERFACE ingress",
    ),
    (Operation.COMPILER, None): (
        "Debian's bcc, which compiles the meter, cannot be used: the meter cannot be built",
        "apt install python3-bpfcc, and run esimshaper with /usr/bin/python3",
    ),
    (Operation.SOURCE, None): (
        "the source of the meter does not compile: the meter cannot be built",
        "apt install --reinstall esimshaper",
    ),
    (Operation.LIBBPF, None): (
        "the library libbpf.so.1, by which the counters are read, cannot be loaded: nothing can be read",
        "apt install libbpf1",
    ),
    (Operation.BUILD, None): (
        "the kernel part was not built: nothing can be counted",
        "`journalctl -u esimshaper-build` says why; `sudo esimshaper build` tries it again",
    ),
    (Operation.NAMESPACE, None): ("no network namespace could be made to try tc out", "run esimshaper doctor as root"),
}


def explain(failure: Failure) -> Unusable:
    """What a failed operation means, with what was said of it."""
    known = _EXPLANATIONS.get((failure.operation, failure.errno))
    message, hint = known or _EXPLANATIONS[failure.operation, None]
    said = failure.detail or ("" if known else errno.errorcode.get(failure.errno, ""))
    return Unusable(f"{message} ({said})" if said else message, hint)


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """All findings, in the order in which a person would repair them."""
    return tuple(finding for check in CHECKS for finding in check(facts))


UNSEEN = "Could not be looked at"


def unknown(facts: BoxFacts) -> tuple[Finding, ...]:
    """What could not be looked at, and why."""
    return tuple(Finding.warning(check, f"{UNSEEN}: {reason.rstrip('.')}.") for check, reason in facts.unknown.items())


def as_sentence(text: str) -> str:
    """With a capital at its beginning and one full stop at its end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def explained(check: str, failure: Failure) -> Finding:
    """A failed operation as a problem."""
    trouble = explain(failure)
    return Finding.problem(check, as_sentence(trouble.message), trouble.hint)


def _privileges(facts: BoxFacts) -> Findings:
    if missing := _missing(facts):
        yield Finding.problem("privileges", f"{' and '.join(missing)} missing: nothing can be counted.", _AS_ROOT)
    elif facts.privileges:
        yield Finding.ok("privileges", "This process may load BPF programs and attach them.")


def _missing(facts: BoxFacts) -> list[str]:
    """Capabilities that this process would need."""
    if facts.privileges is None:
        return []
    held = facts.privileges.capabilities
    missing = [] if held & {"CAP_BPF", "CAP_SYS_ADMIN"} else ["CAP_BPF"]
    return missing + ([] if "CAP_NET_ADMIN" in held else ["CAP_NET_ADMIN"])


def _kernel(facts: BoxFacts) -> Findings:
    if facts.kernel is None or facts.failures is None:
        return
    failed = [failure for failure in facts.failures if failure.operation is not Operation.NAMESPACE]
    for failure in failed:
        yield explained("kernel", failure)
    if failed and _is_older(facts.kernel, OLDEST_KERNEL):
        yield Finding.problem("kernel", f"Linux {facts.kernel} is older than 5.12.", _DEBIAN_KERNEL)
    elif not failed and len(failed) == len(facts.failures):
        yield Finding.ok(
            "kernel", f"Linux {facts.kernel} loads and attaches BPF programs (tried in a namespace of its own)."
        )
    elif not failed:
        yield Finding.note(
            "kernel", f"Linux {facts.kernel} loads BPF programs; attaching them could not be tried out.", _AS_ROOT
        )
    unit = facts.service and facts.service.load == "loaded"
    if not failed and unit and not facts.daemon and _is_older(facts.kernel, OLDEST_KERNEL_OF_SERVICE):
        sentence = f"Linux {facts.kernel} is older than 5.19: it may keep the service from what was built for it."
        yield Finding.warning("kernel", sentence, "sysctl kernel.unprivileged_bpf_disabled shows 0 if it does not")


def _is_older(kernel: str, version: tuple[int, int]) -> bool:
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return found is not None and (int(found[1]), int(found[2])) < version


def _bpffs(facts: BoxFacts) -> Findings:
    place = facts.bpffs
    if place is None:
        return
    if not place.mounted:
        yield explained("bpffs", Failure(Operation.BPFFS))
    elif not place.writable:
        yield explained("bpffs", Failure(Operation.PIN, errno.EROFS))
    else:
        yield Finding.ok("bpffs", f"The counters can be pinned below {place.path}.")


def _compiler(facts: BoxFacts) -> Findings:
    found = facts.compiler
    if found is None:
        return
    if found.detail:
        yield explained("compiler", Failure(Operation.COMPILER, detail=f"{found.python}: {found.detail}"))
    else:
        yield Finding.ok("compiler", f"bcc {found.version} is there to compile the meter.")


def _libraries(facts: BoxFacts) -> Findings:
    if isinstance(facts.libbpf, Failure):
        yield explained("libbpf", facts.libbpf)
    elif facts.libbpf is not None:
        yield Finding.ok("libbpf", f"libbpf {facts.libbpf} is there to read the counters.")
    libraries = facts.libraries or {}
    missing = [name for name, version in libraries.items() if not version]
    if missing:
        packages = " ".join(library.package for library in LIBRARIES if library.distribution in missing)
        yield Finding.problem(
            "libraries", f"{', '.join(missing)} missing: the daemon cannot start.", f"apt install {packages}"
        )
    elif libraries:
        yield Finding.ok("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items()) + ".")


def _jit(facts: BoxFacts) -> Findings:
    if facts.jit is False:
        sentence = (
            "The kernel interprets BPF instead of compiling it: counting is right, but each packet costs more time."
        )
        yield Finding.warning("jit", sentence, "sysctl -w net.core.bpf_jit_enable=1")


def _clock(facts: BoxFacts) -> Findings:
    if facts.clock is None:
        return
    hint = "timedatectl set-ntp true"
    if facts.clock.unix < OLDEST_TIME:
        yield Finding.warning("clock", "The clock has not been set: history would be booked under the wrong day.", hint)
    elif not facts.clock.synchronised:
        sentence = "Nobody keeps the clock right, as far as the kernel knows: days and months may begin early or late."
        yield Finding.warning("clock", sentence, hint)
    else:
        yield Finding.ok("clock", "The clock is kept right.")
    if not facts.clock.hardware:
        sentence = (
            "There is no hardware clock: after each start, days and months of quotas wait until the time was set."
        )
        yield Finding.note("clock", sentence, "let it have the internet then; or add a clock module with a battery")


def _state(facts: BoxFacts) -> Findings:
    place = facts.state
    if place is None or (not place.writable and _missing(facts)):  # then it is we who may not
        return
    if not place.writable:
        sentence = f"{place.path} cannot be written: history and names would be lost at the next start."
        yield Finding.problem("state", sentence, f"mkdir -p {place.path} and see that the file system is not read-only")
    elif place.free_bytes < ENOUGH_BYTES:
        free = place.free_bytes // 1_000_000
        sentence = f"Only {free} MB free for {place.path}: history stops when it is full; counting goes on."
        yield Finding.warning("state", sentence, f"df -h {place.path}")
    elif place.volatile:
        sentence = f"{place.path} is in memory: history, and what was used of quotas, is gone when the box is off."
        yield Finding.warning("state", sentence, f"put it on a disk: findmnt -T {place.path}")
    else:
        yield Finding.ok("state", f"History has room in {place.path}.")


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
