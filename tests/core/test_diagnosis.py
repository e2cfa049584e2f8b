# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of facts. Pure: each row is a box with one thing wrong, and what a person must be told."""

import errno
from dataclasses import replace

import pytest

from esimshaper.core import diagnosis, diagnosis_network
from esimshaper.core.facts import (
    Bpffs,
    Clock,
    Compiler,
    Directory,
    Facts,
    Failure,
    Filter,
    Finding,
    Flowtable,
    LeaseFile,
    Level,
    Link,
    MarkAccess,
    MarkUse,
    Operation,
    Privileges,
    Wanted,
)

WAN = Link(index=2, name="wwan0", type=519)
LAN = Link(index=3, name="br0", type=1, kind="bridge")

GOOD = Facts(
    wanted=Wanted("wwan0", ("br0",), ("/var/lib/misc/dnsmasq.leases",)),
    privileges=Privileges(frozenset({"CAP_BPF", "CAP_NET_ADMIN"})),
    kernel="6.1.0-32-arm64",
    failures=(),
    bpffs=Bpffs("/sys/fs/bpf", mounted=True, writable=True),
    compiler=Compiler("/usr/bin/python3", version="0.26.0"),
    libbpf="1.1",
    jit=True,
    libraries={"pyroute2": "0.7.2"},
    clock=Clock(1.8e9, synchronised=True),
    state=Directory("/var/lib/esimshaper", exists=True, writable=True, free_bytes=10**9),
    daemon=True,
    links=(WAN, LAN),
    ingress_qdiscs=(),
    filters=(),
    default_routes=("wwan0",),
    flowtables=(),
    mark_uses=(),
    rules=(),
    leases=(LeaseFile("/var/lib/misc/dnsmasq.leases"),),
)


def judge(facts: Facts) -> tuple[Finding, ...]:
    return (*diagnosis.diagnose(facts), *diagnosis_network.diagnose(facts), *diagnosis.unknown(facts))


def complaints(facts: Facts) -> list[Finding]:
    return [finding for finding in judge(facts) if finding.level is not Level.OK]


def test_a_good_box_gets_no_complaint_and_each_check_says_so() -> None:
    findings = judge(GOOD)
    assert {finding.level for finding in findings} == {Level.OK}
    assert {finding.check for finding in findings} == {
        "privileges", "kernel", "bpffs", "compiler", "libbpf", "libraries", "clock", "state", "daemon",
        "wan", "lan", "marks", "leases",
    }  # fmt: skip


def test_nothing_known_is_nothing_said() -> None:
    assert judge(Facts()) == ()


BOX = {
    "no BPF capability": (
        {"privileges": Privileges(frozenset({"CAP_NET_ADMIN"}))},
        ("privileges", Level.PROBLEM, "CAP_BPF missing", "root"),
    ),
    "no network capability": (
        {"privileges": Privileges(frozenset({"CAP_SYS_ADMIN"}))},
        ("privileges", Level.PROBLEM, "CAP_NET_ADMIN missing", "root"),
    ),
    "BPF forbidden": (
        {"failures": (Failure(Operation.MAP, errno.EPERM),)},
        ("kernel", Level.PROBLEM, "forbids", "root"),
    ),
    "kernel without BPF": (
        {"failures": (Failure(Operation.MAP, errno.ENOSYS),)},
        ("kernel", Level.PROBLEM, "CONFIG_BPF_SYSCALL", "linux-image"),
    ),
    "kernel without clsact": (
        {"failures": (Failure(Operation.CLSACT, errno.ENOENT),)},
        ("kernel", Level.PROBLEM, "CONFIG_NET_SCH_INGRESS", "modprobe sch_ingress"),
    ),
    "kernel without cls_bpf": (
        {"failures": (Failure(Operation.ATTACH, errno.ENOENT),)},
        ("kernel", Level.PROBLEM, "CONFIG_NET_CLS_BPF", "modprobe cls_bpf"),
    ),
    "tc could not be tried": (
        {"failures": (Failure(Operation.NAMESPACE, errno.EPERM),)},
        ("kernel", Level.NOTE, "could not be tried", "root"),
    ),
    "no bpffs": (
        {"bpffs": Bpffs("/sys/fs/bpf", mounted=False, writable=True)},
        ("bpffs", Level.PROBLEM, "not mounted", "mount -t bpf bpf /sys/fs/bpf"),
    ),
    "bpffs read-only": (
        {"bpffs": Bpffs("/sys/fs/bpf", mounted=True, writable=False)},
        ("bpffs", Level.PROBLEM, "read-only", "remount,rw"),
    ),
    "no bcc": (
        {"compiler": Compiler("/usr/bin/python3", detail="ModuleNotFoundError: No module named 'bcc'")},
        ("compiler", Level.PROBLEM, "No module named 'bcc'", "apt install python3-bpfcc"),
    ),
    "no libbpf": (
        {"libbpf": Failure(Operation.LIBBPF, detail="no such file")},
        ("libbpf", Level.PROBLEM, "libbpf.so.1", "apt install libbpf1"),
    ),
    "a library missing": (
        {"libraries": {"PyYAML": "", "rich": "13"}},
        ("libraries", Level.PROBLEM, "PyYAML missing", "apt install python3-yaml"),
    ),
    "no JIT": ({"jit": False}, ("jit", Level.WARNING, "more time", "sysctl -w net.core.bpf_jit_enable=1")),
    "clock never set": (
        {"clock": Clock(1000.0, synchronised=False)},
        ("clock", Level.WARNING, "not been set", "timedatectl"),
    ),
    "clock not kept": (
        {"clock": Clock(1.8e9, synchronised=False)},
        ("clock", Level.WARNING, "early or late", "timedatectl"),
    ),
    "state not writable": (
        {"state": Directory("/var/lib/esimshaper", exists=True, writable=False, free_bytes=10**9)},
        ("state", Level.PROBLEM, "lost at the next start", "mkdir -p /var/lib/esimshaper"),
    ),
    "disk nearly full": (
        {"state": Directory("/var/lib/esimshaper", exists=True, writable=True, free_bytes=5_000_000)},
        ("state", Level.WARNING, "Only 5 MB", "df -h"),
    ),
    "daemon not running": ({"daemon": False}, ("daemon", Level.NOTE, "not running", "systemctl start esimshaper")),
    "a probe failed": ({"unknown": {"clock": "it broke"}}, ("clock", Level.WARNING, "it broke", "")),
}

NETWORK = {
    "no WAN": ({"links": (LAN,)}, ("wan", Level.WARNING, "wwan0 is not there", "ip link")),
    "strange WAN": (
        {"links": (replace(WAN, type=772), LAN)},
        ("wan", Level.PROBLEM, "bytes would not be counted", "wan.interface"),
    ),
    "tunnel as WAN": (
        {"links": (replace(WAN, type=65534, kind="wireguard"), LAN)},
        ("wan", Level.WARNING, "is billed but would not be counted", "modem"),
    ),
    "WAN down": ({"links": (replace(WAN, up=False), LAN)}, ("wan", Level.NOTE, "down", "ip link set wwan0 up")),
    "WAN is LAN too": (
        {"wanted": Wanted("wwan0", ("wwan0",))},
        ("wan", Level.PROBLEM, "taken for clients", "lan.interfaces"),
    ),
    "WAN in the LAN's bridge": (
        {"links": (replace(WAN, master=3), LAN)},
        ("wan", Level.PROBLEM, "port of the LAN's br0", "ip link set wwan0 nomaster"),
    ),
    "another default route": (
        {"default_routes": ("wlan0", "wwan0")},
        ("wan", Level.NOTE, "leaves by wlan0", "ip route show default"),
    ),
    "no LAN": ({"links": (WAN,)}, ("lan", Level.WARNING, "br0 is not there", "ip link")),
    "old ingress qdisc": (
        {"ingress_qdiscs": ("wwan0",)},
        ("filters", Level.PROBLEM, "uploads could not be counted", "tc qdisc del dev wwan0 ingress"),
    ),
    "earlier filter": (
        {"filters": (Filter("wwan0", "ingress", 1, "u32"),)},
        ("filters", Level.WARNING, "may not be counted", "tc filter show dev wwan0 ingress"),
    ),
    "earlier filter at the LAN": (
        {"filters": (Filter("br0", "ingress", 9, "u32"),)},
        ("filters", Level.WARNING, "`unattributed`", "tc filter show dev br0 ingress"),
    ),
    "tcx": ({"filters": (Filter("wwan0", "egress", 0, "tcx"),)}, ("filters", Level.WARNING, "runs first", "bpftool")),
    "our place taken": (
        {"filters": (Filter("wwan0", "ingress", 10, "bpf", "other"),)},
        ("filters", Level.PROBLEM, "our place", "tc filter show"),
    ),
    "XDP": ({"links": (replace(WAN, xdp=True), LAN)}, ("filters", Level.WARNING, "XDP", "xdp off")),
    "hardware flowtable": (
        {"flowtables": (Flowtable("inet fw f", hardware=True),)},
        ("offload", Level.PROBLEM, "bytes would not be counted", "flags offload"),
    ),
    "mark overwritten": (
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0xFFFFFFFF),)},
        ("marks", Level.PROBLEM, "0xff000000", "& 0xff000000 | VALUE"),
    ),
    "mark compared": (
        {"rules": (MarkUse("ip rule 100", MarkAccess.READS, 0xFFFFFFFF),)},
        ("marks", Level.WARNING, "no longer match", "0x00ffffff"),
    ),
    "mark unreadable": (
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.UNREADABLE, 0),)},
        ("marks", Level.WARNING, "cannot be looked into", "iptables-save"),
    ),
    "no lease file": (
        {"leases": (LeaseFile("/x", "No such file"),)},
        ("leases", Level.NOTE, "counted all the same", "lan.leases"),
    ),
}


@pytest.mark.parametrize(("change", "expected"), (BOX | NETWORK).values(), ids=(BOX | NETWORK).keys())
def test_one_thing_wrong_is_one_complaint_with_its_consequence_and_a_hint(change, expected) -> None:
    found = complaints(replace(GOOD, **change))
    check, level, words, hint = expected
    assert [(finding.check, finding.level) for finding in found] == [(check, level)]
    assert words in found[0].sentence
    assert hint in found[0].hint
    assert found[0].sentence.endswith(".")


def test_an_old_kernel_that_fails_is_told_to_be_too_old() -> None:
    found = complaints(replace(GOOD, kernel="5.10.0-30-amd64", failures=(Failure(Operation.LOAD, errno.EINVAL),)))
    assert [finding.level for finding in found] == [Level.PROBLEM, Level.PROBLEM]
    assert "5.10.0-30-amd64 is older than 5.12" in found[1].sentence


def test_an_old_kernel_with_what_is_needed_is_good_enough() -> None:
    assert complaints(replace(GOOD, kernel="5.10.0-vendor")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0x00FFFFFF),)},
        {"rules": (MarkUse("ip rule 1", MarkAccess.READS, 0x100),)},
        {"filters": (Filter("wwan0", "ingress", 20, "u32"),)},
        {"filters": (Filter("wwan0", "ingress", 10, "bpf", "esimshaper wan_ingress_raw"),)},
        {"flowtables": (Flowtable("inet fw f", hardware=False),)},
        {"links": (replace(WAN, master=9), LAN)},
    ],
)
def test_what_does_no_harm_is_no_complaint(change) -> None:
    assert complaints(replace(GOOD, **change)) == []


def test_another_mark_mask_is_judged_by_its_own_bits() -> None:
    uses = (MarkUse("nft rule 3", MarkAccess.WRITES, 0xFF),)
    wanted = Wanted("wwan0", ("br0",), mark_mask=0x000000F0)
    (finding,) = complaints(replace(GOOD, wanted=wanted, mark_uses=uses))
    assert "0xf0" in finding.sentence


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("number", [0, errno.EPERM, errno.ENOENT, errno.EXFULL])
def test_every_failure_has_one_line_and_a_hint(operation: Operation, number: int) -> None:
    trouble = diagnosis.explain(operation, number)
    assert trouble.message
    assert "\n" not in trouble.message
    assert trouble.hint


def test_an_unexpected_errno_is_told_by_its_name() -> None:
    assert "EXFULL" in diagnosis.explain(Operation.ATTACH, errno.EXFULL).message


def test_what_the_kernel_said_is_passed_on() -> None:
    assert "(no such module)" in diagnosis.explain(Operation.CLSACT, errno.ENOENT, "no such module").message
