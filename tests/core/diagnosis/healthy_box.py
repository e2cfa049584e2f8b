# SPDX-License-Identifier: GPL-2.0-or-later
"""A box with nothing wrong, for tests that make one thing wrong: all that doctor says of it. Pure."""

from esimshaper.core.diagnosis import (
    box as diagnosis,
)
from esimshaper.core.diagnosis import (
    limits as diagnosis_limits,
)
from esimshaper.core.diagnosis import (
    network as diagnosis_network,
)
from esimshaper.core.diagnosis import (
    service as diagnosis_service,
)
from esimshaper.core.model.box import (
    BoxFacts,
    Bpffs,
    Clock,
    Compiler,
    Directory,
    Finding,
    LeaseFile,
    Link,
    Privileges,
    Running,
    Service,
    Severity,
    Wanted,
)

WAN = Link(index=2, name="wwan0", type=519)
LAN = Link(index=3, name="br0", type=1, kind="bridge")

GOOD = BoxFacts(
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
    version="1.0",
    daemon=True,
    running=Running("1.0"),
    service=Service("loaded", "enabled", "active", "success"),
    member=True,
    lacking=frozenset(),
    forwarding=True,
    links=(WAN, LAN),
    ingress_qdiscs=(),
    filters=(),
    default_routes=("wwan0",),
    flowtables=(),
    mark_uses=(),
    rules=(),
    leases=(LeaseFile("/var/lib/misc/dnsmasq.leases"),),
)


STAGES = (diagnosis, diagnosis_limits, diagnosis_network, diagnosis_service)


def judge(facts: BoxFacts) -> tuple[Finding, ...]:
    return (*(finding for stage in STAGES for finding in stage.diagnose(facts)), *diagnosis.unknown(facts))


def complaints(facts: BoxFacts) -> list[Finding]:
    return [finding for finding in judge(facts) if finding.level is not Severity.OK]


def assert_told(found: list[Finding], check: str, level: Severity, words: str, hint: str) -> None:
    """One complaint and no other, with these words in it."""
    assert [(finding.check, finding.level) for finding in found] == [(check, level)]
    assert words in found[0].sentence
    assert hint in found[0].hint
    assert found[0].sentence.endswith(".")
