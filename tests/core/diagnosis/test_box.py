# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of facts about a box. Pure: each row is one thing wrong, and the finding that a person must see."""

import errno
from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.explain import explain
from esimshaper.core.diagnosis.findings import diagnose
from esimshaper.core.model.box import (
    BoxFacts,
    Bpffs,
    Clock,
    Compiler,
    DaemonStatus,
    Directory,
    Feature,
    Privileges,
    Service,
    Severity,
    Wanted,
)
from esimshaper.core.model.errors import Failure, Operation
from tests.core.diagnosis.healthy_box import GOOD, assert_one_finding, complaints


def test_a_good_box_gets_no_complaint_and_each_check_says_so() -> None:
    findings = diagnose(GOOD)
    assert {finding.severity for finding in findings} == {Severity.OK}
    assert {finding.check for finding in findings} == {
        "privileges", "kernel", "bpffs", "compiler", "libbpf", "libraries", "clock", "state", "limits", "modem",
        "metered", "wan", "lan", "marks", "leases", "service", "daemon",
    }  # fmt: skip


def test_without_facts_there_are_no_findings() -> None:
    assert diagnose(BoxFacts()) == ()


BOX = {
    "no BPF capability": (
        {"privileges": Privileges(frozenset({"CAP_NET_ADMIN"}))},
        ("privileges", Severity.PROBLEM, "rights to look (CAP_BPF),", "sudo"),
    ),
    "no network capability": (
        {"privileges": Privileges(frozenset({"CAP_SYS_ADMIN"}))},
        ("privileges", Severity.PROBLEM, "rights to look (CAP_NET_ADMIN),", "sudo"),
    ),
    "BPF forbidden": (
        {"failures": (Failure(Operation.MAP, errno.EPERM),)},
        ("kernel", Severity.PROBLEM, "forbids", "root"),
    ),
    "kernel without BPF": (
        {"failures": (Failure(Operation.MAP, errno.ENOSYS),)},
        ("kernel", Severity.PROBLEM, "CONFIG_BPF_SYSCALL", "linux-image"),
    ),
    "kernel without clsact": (
        {"failures": (Failure(Operation.CLSACT, errno.ENOENT),)},
        ("kernel", Severity.PROBLEM, "CONFIG_NET_SCH_INGRESS", "modprobe sch_ingress"),
    ),
    "kernel without cls_bpf": (
        {"failures": (Failure(Operation.ATTACH, errno.ENOENT),)},
        ("kernel", Severity.PROBLEM, "CONFIG_NET_CLS_BPF", "modprobe cls_bpf"),
    ),
    "tc could not be tried": (
        {"failures": (Failure(Operation.NAMESPACE, errno.EPERM),)},
        ("kernel", Severity.NOTE, "could not be tried", "root"),
    ),
    "no bpffs": (
        {"bpffs": Bpffs("/sys/fs/bpf", mounted=False, writable=True)},
        ("bpffs", Severity.PROBLEM, "not mounted", "mount -t bpf bpf /sys/fs/bpf"),
    ),
    "bpffs read-only": (
        {"bpffs": Bpffs("/sys/fs/bpf", mounted=True, writable=False)},
        ("bpffs", Severity.PROBLEM, "read-only", "remount,rw"),
    ),
    "no bcc": (
        {"compiler": Compiler("/usr/bin/python3", detail="ModuleNotFoundError: No module named 'bcc'")},
        ("compiler", Severity.PROBLEM, "No module named 'bcc'", "apt install python3-bpfcc"),
    ),
    "no libbpf": (
        {"libbpf": Failure(Operation.LIBBPF, detail="no such file")},
        ("libbpf", Severity.PROBLEM, "libbpf.so.1", "apt install libbpf1"),
    ),
    "a library missing": (
        {"libraries": {"PyYAML": "", "rich": "13"}},
        ("libraries", Severity.PROBLEM, "cannot start without these libraries: PyYAML.", "apt install python3-yaml"),
    ),
    "no JIT": ({"jit": False}, ("jit", Severity.WARNING, "more time", "sysctl -w net.core.bpf_jit_enable=1")),
    "clock never set": (
        {"clock": Clock(1000.0, synchronised=False)},
        ("clock", Severity.WARNING, "not been set", "timedatectl"),
    ),
    "clock not synchronised": (
        {"clock": Clock(1.8e9, synchronised=False)},
        (
            "clock",
            Severity.WARNING,
            "not synchronised: days and months of quotas may begin early or late",
            "timedatectl",
        ),
    ),
    "state not writable": (
        {"state": Directory("/var/lib/esimshaper", exists=True, writable=False, free_bytes=10**9)},
        ("state", Severity.PROBLEM, "lost at the next start", "mkdir -p /var/lib/esimshaper"),
    ),
    "disk nearly full": (
        {"state": Directory("/var/lib/esimshaper", exists=True, writable=True, free_bytes=5_000_000)},
        ("state", Severity.WARNING, "Only 5 MB", "df -h"),
    ),
    "no hardware clock": (
        {"clock": Clock(1.8e9, synchronised=True, hardware=False)},
        ("clock", Severity.NOTE, "wait until the time was set", "Internet"),
    ),
    "state in memory": (
        {"state": Directory("/run/x", exists=True, writable=True, free_bytes=10**9, volatile=True)},
        ("state", Severity.WARNING, "gone when the box is off", "findmnt -T /run/x"),
    ),
    "no package": (
        {"service": Service("not-found", "", "inactive")},
        ("service", Severity.NOTE, "nothing starts it", "apt install"),
    ),
    "service with a wrong configuration": (
        {"service": Service("loaded", "enabled", "failed", "exit-code", status="2", said="/etc/e.yaml:3:1: not YAML")},
        (
            "service",
            Severity.PROBLEM,
            "does not start, as the configuration has mistakes: no bytes are booked, and no limit is renewed. It said: "
            "/etc/e.yaml:3:1: not YAML.",
            "esimshaper check",
        ),
    ),
    "edited configuration refused": (
        {"daemon_status": DaemonStatus("1.0", accepted=False)},
        ("daemon", Severity.WARNING, "refused the configuration as it is now", "esimshaper check"),
    ),
    "service failed": (
        {"service": Service("loaded", "enabled", "failed", "exit-code")},
        ("service", Severity.PROBLEM, "exit-code", "journalctl -u esimshaper"),
    ),
    "service about to be tried again": (
        {"service": Service("loaded", "enabled", "activating", "exit-code")},
        ("service", Severity.PROBLEM, "exit-code", "journalctl -u esimshaper"),
    ),
    "certificates that the service may not read": (
        {
            "service": Service("loaded", "enabled", "active", "success", user="esimshaper"),
            "wanted": Wanted("wwan0", ("br0",), certificates=("/etc/k.pem",)),
            "unreadable": ("/etc/k.pem",),
        },
        ("metrics", Severity.WARNING, "nobody gets the metrics", "chgrp esimshaper /etc/k.pem"),
    ),
    "service masked": (
        {"service": Service("masked", "masked", "inactive")},
        ("service", Severity.PROBLEM, "masked", "systemctl status"),
    ),
    "service enabled until the box is off": (
        {"service": Service("loaded", "enabled-runtime", "active", "success")},
        ("service", Severity.WARNING, "after the next start", "systemctl enable --now esimshaper"),
    ),
    "service not enabled": (
        {"service": Service("loaded", "disabled", "active", "success")},
        ("service", Severity.WARNING, "after the next start", "systemctl enable --now esimshaper"),
    ),
    "an old daemon still running": (
        {"daemon_status": DaemonStatus("0.9")},
        ("daemon", Severity.WARNING, "0.9 is running, but 1.0", "systemctl restart"),
    ),
    "not in the group": ({"may_ask": False}, ("group", Severity.NOTE, "without sudo", "usermod -aG esimshaper")),
    "no group": ({"may_ask": None}, ("group", Severity.NOTE, "only root", "groupadd")),
    "no way to slow down, and none wanted": (
        {"missing_features": frozenset({Feature.HTB, Feature.IFB})},
        ("limits", Severity.NOTE, "htb, the network device ifb: `throttle`", "modprobe -a sch_htb ifb"),
    ),
    "no way to slow down": (
        {"missing_features": frozenset({Feature.REDIRECT}), "wanted": Wanted("wwan0", ("br0",), shapes=True)},
        ("limits", Severity.WARNING, "dropped instead of queued", "modprobe -a cls_u32 act_mirred"),
    ),
    "no nftables": (
        {"missing_features": frozenset({Feature.REJECT})},
        (
            "limits",
            Severity.NOTE,
            "blocks hold, but programs on blocked devices get no error and wait",
            "apt install nftables",
        ),
    ),
    "no nftables, and blocks": (
        {"missing_features": frozenset({Feature.REJECT}), "wanted": Wanted("wwan0", ("br0",), blocks=True)},
        ("limits", Severity.WARNING, "get no error and wait", "nft_reject_inet"),
    ),
    "daemon not running": (
        {"daemon_listens": False, "daemon_status": None},
        ("daemon", Severity.NOTE, "not running", "systemctl start esimshaper"),
    ),
    "a probe failed": ({"unknown": {"clock": "it broke"}}, ("clock", Severity.WARNING, "it broke", "")),
}


@pytest.mark.parametrize(("change", "expected"), BOX.values(), ids=BOX.keys())
def test_one_thing_wrong_is_one_complaint_with_its_consequence_and_a_hint(change, expected) -> None:
    assert_one_finding(complaints(replace(GOOD, **change)), *expected)


def test_without_rights_nothing_else_is_said_of_what_was_forbidden() -> None:
    """To a user of the box, bpffs looks read-only and BPF forbidden, though the daemon may use both."""
    forbidden = {
        "privileges": Privileges(frozenset()),
        "failures": (Failure(Operation.MAP, errno.EPERM),),
        "bpffs": Bpffs("/sys/fs/bpf", mounted=True, writable=False),
        "state": Directory("/var/lib/esimshaper", exists=True, writable=False, free_bytes=10**9),
        "unknown": {"marks": "nft: Operation not permitted", "ipsec": "[Errno 1] Operation not permitted"},
    }
    lacking, unseen = complaints(replace(GOOD, **forbidden))
    assert (lacking.severity, lacking.hint.partition(";")[0]) == (Severity.PROBLEM, "sudo esimshaper doctor")
    assert "You lack the rights to look (CAP_BPF and CAP_NET_ADMIN)" in lacking.sentence
    assert (unseen.severity, unseen.sentence) == (
        Severity.NOTE,
        "This could not be examined without them: ipsec, marks.",
    )


def test_what_is_wrong_comes_first() -> None:
    broken = replace(GOOD, failures=(), jit=False, may_ask=False, libbpf=Failure(Operation.LIBBPF))
    levels = [finding.severity for finding in diagnose(broken)]
    assert levels[:3] == [Severity.PROBLEM, Severity.WARNING, Severity.NOTE]
    assert set(levels[3:]) == {Severity.OK}


def test_an_old_kernel_that_fails_is_called_too_old() -> None:
    found = complaints(replace(GOOD, kernel="5.10.0-30-amd64", failures=(Failure(Operation.LOAD, errno.EINVAL),)))
    assert [finding.severity for finding in found] == [Severity.PROBLEM, Severity.PROBLEM]
    assert "5.10.0-30-amd64 is older than 5.12" in found[1].sentence


def test_an_old_kernel_with_what_is_needed_is_good_enough() -> None:
    assert complaints(replace(GOOD, kernel="5.10.0-vendor")) == []


def test_a_kernel_that_may_forbid_the_service_its_pins_is_a_warning_until_the_service_runs() -> None:
    """What doctor tries, it tries as root: that is enough for 5.12, and for `esimshaper run` by root."""
    old = replace(GOOD, kernel="5.15.0-vendor", daemon_listens=None, daemon_status=None)
    assert_one_finding(complaints(old), "kernel", Severity.WARNING, "older than 5.19", "unprivileged_bpf_disabled")
    assert complaints(replace(old, daemon_listens=True)) == complaints(replace(old, service=None)) == []
    assert complaints(replace(old, kernel="5.19.0")) == []


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("number", [0, errno.EPERM, errno.ENOENT, errno.EXFULL])
def test_every_failure_has_one_line_and_a_hint(operation: Operation, number: int) -> None:
    trouble = explain(Failure(operation, number))
    assert trouble.message
    assert "\n" not in trouble.message
    assert trouble.hint


def test_an_unexpected_errno_is_shown_by_its_name() -> None:
    assert "EXFULL" in explain(Failure(Operation.ATTACH, errno.EXFULL)).message


def test_the_detail_of_a_failure_is_part_of_the_message() -> None:
    failure = Failure(Operation.CLSACT, errno.ENOENT, "no such module")
    assert "(no such module)" in explain(failure).message
