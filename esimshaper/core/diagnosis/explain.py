# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed operation -> what it means for the owner of the box, and what to do about it. Pure."""

import errno

from esimshaper.core.model.box import Finding
from esimshaper.core.model.errors import Failure, Operation, Unusable

DEBIAN_KERNEL = "install Debian's own kernel, which has all of it: apt install linux-image-$(dpkg --print-architecture)"
AS_ROOT = (
    "run it as root, or with CAP_BPF and CAP_NET_ADMIN (in a container, the system call filter must allow bpf too)"
)

_EXPLANATIONS: dict[tuple[Operation, int | None], tuple[str, str]] = {
    (Operation.BPFFS, None): (
        "the BPF file system is not mounted at /sys/fs/bpf: the counters cannot be kept",
        "mount -t bpf bpf /sys/fs/bpf",
    ),
    (Operation.MAP, errno.EPERM): ("the kernel forbids this process to use BPF: nothing can be counted", AS_ROOT),
    (Operation.MAP, errno.ENOSYS): (
        "this kernel has no BPF (CONFIG_BPF_SYSCALL): nothing can be counted",
        DEBIAN_KERNEL,
    ),
    (Operation.MAP, None): ("the kernel refuses to create BPF maps: nothing can be counted", DEBIAN_KERNEL),
    (Operation.RING_BUFFER, None): (
        "this kernel has no BPF ring buffer, which came with Linux 5.8: nothing can be counted",
        DEBIAN_KERNEL,
    ),
    (Operation.LOAD, errno.EPERM): (
        "the kernel forbids this process to load BPF programs: nothing can be counted",
        AS_ROOT,
    ),
    (Operation.LOAD, errno.EINVAL): (
        "this kernel lacks an instruction that the meter uses, which came with Linux 5.12: nothing can be counted",
        DEBIAN_KERNEL,
    ),
    (Operation.LOAD, None): ("the kernel refuses the BPF programs: nothing can be counted", DEBIAN_KERNEL),
    (Operation.PIN, errno.EPERM): (
        "the counters cannot be pinned: /sys/fs/bpf is no BPF file system, or this user may not write to it",
        "mount -t bpf bpf /sys/fs/bpf",
    ),
    (Operation.PIN, errno.EACCES): ("this user may not pin counters below /sys/fs/bpf", AS_ROOT),
    (Operation.PIN, errno.EROFS): (
        "the counters cannot be pinned: /sys/fs/bpf is mounted read-only",
        "mount -o remount,rw /sys/fs/bpf",
    ),
    (Operation.PIN, None): (
        "the counters cannot be pinned below /sys/fs/bpf",
        "ls -la /sys/fs/bpf /sys/fs/bpf/esimshaper",
    ),
    (Operation.CLSACT, errno.ENOENT): (
        "this kernel has no clsact qdisc (CONFIG_NET_SCH_INGRESS): the meter cannot be attached",
        "modprobe sch_ingress; if that fails, " + DEBIAN_KERNEL,
    ),
    (Operation.CLSACT, errno.EEXIST): (
        "an `ingress` qdisc of another program is in the place of clsact: uploads could not be counted",
        "stop that program, or remove the qdisc: tc qdisc del dev INTERFACE ingress",
    ),
    (Operation.CLSACT, errno.EPERM): ("the kernel forbids this process to change tc: nothing can be counted", AS_ROOT),
    (Operation.CLSACT, None): ("the clsact qdisc cannot be added: the meter cannot be attached", "tc qdisc show"),
    (Operation.ATTACH, errno.ENOENT): (
        "this kernel has no cls_bpf (CONFIG_NET_CLS_BPF): the meter cannot be attached",
        "modprobe cls_bpf; if that fails, " + DEBIAN_KERNEL,
    ),
    (Operation.ATTACH, errno.ENODEV): (
        "the interface does not exist now: its bytes are not counted until it returns",
        "ip link show",
    ),
    (Operation.ATTACH, errno.EPERM): ("the kernel forbids this process to change tc: nothing can be counted", AS_ROOT),
    (Operation.ATTACH, None): (
        "the meter cannot be attached: nothing can be counted",
        "tc filter show dev INTERFACE ingress",
    ),
    (Operation.COMPILER, None): (
        "Debian's bcc cannot be used: the meter cannot be compiled",
        "apt install python3-bpfcc, and run esimshaper with /usr/bin/python3",
    ),
    (Operation.SOURCE, None): (
        "the source of the meter does not compile: the meter cannot be built",
        "apt install --reinstall esimshaper",
    ),
    (Operation.LIBBPF, None): (
        "the library libbpf.so.1 cannot be loaded: the counters cannot be read",
        "apt install libbpf1",
    ),
    (Operation.BUILD, None): (
        "the kernel part was not built: nothing can be counted",
        "`journalctl -u esimshaper-build` says why; `sudo esimshaper build` tries again",
    ),
    (Operation.NAMESPACE, None): (
        "no network namespace could be made, so tc could not be tried",
        "run esimshaper doctor as root",
    ),
}
"""Message and hint by operation and errno; None stands for every other errno of the operation."""


def explain(failure: Failure) -> Unusable:
    """Message and hint for a failed operation. The message ends with its detail, or its errno if no entry has it."""
    known = _EXPLANATIONS.get((failure.operation, failure.errno))
    message, hint = known or _EXPLANATIONS[failure.operation, None]
    said = failure.detail or ("" if known else errno.errorcode.get(failure.errno, ""))
    return Unusable(f"{message} ({said})" if said else message, hint)


def as_sentence(text: str) -> str:
    """`text` with a capital at its beginning and one full stop at its end."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def finding_of(check: str, failure: Failure) -> Finding:
    """The failed operation as a problem that the check `check` has found."""
    trouble = explain(failure)
    return Finding.problem(check, as_sentence(trouble.message), trouble.hint)
