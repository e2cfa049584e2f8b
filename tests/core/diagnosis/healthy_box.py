# SPDX-License-Identifier: GPL-2.0-or-later
"""A box with nothing wrong, for tests that make one thing wrong: all that doctor says of it. Pure."""

from esimshaper.core.diagnosis.findings import diagnose
from esimshaper.core.model.box import (
    BoxFacts,
    Bpffs,
    Clock,
    Compiler,
    DaemonStatus,
    Directory,
    Finding,
    Interface,
    Ipsec,
    LeaseFile,
    Privileges,
    Service,
    Severity,
    TcFilter,
    Wanted,
)
from esimshaper.core.model.modems import Modem, ModemsReport

WAN = Interface(index=2, name="wwan0", type=519)
LAN = Interface(index=3, name="br0", type=1, kind="bridge")

MARKED = Wanted("wwan0", ("br0",), mark_mask=0xFF000000)

LOOKS_AT_UPLOADS = TcFilter("br0", "ingress", 10, "bpf", "esimshaper lan_ingress_ethernet 00ff 11ee")
LOOKS_AGAIN = TcFilter("br0", "egress", 10, "bpf", "esimshaper lan_egress_ethernet 00ff 11ee")
REDIRECTS = TcFilter("wwan0", "ingress", 20, "u32", "esimshaper redirect")

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
    daemon_listens=True,
    daemon_status=DaemonStatus("1.0"),
    service=Service("loaded", "enabled", "active", "success"),
    may_ask=True,
    missing_features=frozenset(),
    forwarding=True,
    interfaces=(WAN, LAN),
    ingress_qdiscs=(),
    filters=(),
    default_routes=("wwan0",),
    flowtables=(),
    ipsec=Ipsec(0),
    mark_uses=(),
    legacy_mark_uses=(),
    rules=(),
    metered_hints=("/etc/dnsmasq.d/metered.conf",),
    modems=ModemsReport((Modem(iccid="8981100012345678905", interface="wwan0"),), manager=True),
    leases=(LeaseFile("/var/lib/misc/dnsmasq.leases", size=80, format="dnsmasq", leases=1),),
)


def complaints(facts: BoxFacts) -> list[Finding]:
    return [finding for finding in diagnose(facts) if finding.severity is not Severity.OK]


def assert_one_finding(found: list[Finding], check: str, severity: Severity, words: str, hint: str) -> None:
    """One complaint and no other, with these words in it."""
    assert [(finding.check, finding.severity) for finding in found] == [(check, severity)]
    assert words in found[0].sentence
    assert hint in found[0].hint
    assert found[0].sentence.endswith(".")
