# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes against the real kernel, nft and libraries: a box is a set of anonymous namespaces that end with a child."""

import base64
import errno
import json
import os
import pickle
import socket
import subprocess
from pathlib import Path

import pytest

from esimshaper import doctor
from esimshaper.core.facts import (
    Directory,
    Facts,
    Failure,
    Filter,
    Finding,
    Flowtable,
    Level,
    MarkAccess,
    Operation,
    Wanted,
)
from esimshaper.edge import probe, probe_bpf, probe_nft

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
SECONDS = 60

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: needs root")

NAMES = (
    "import base64, pickle, sys; from pathlib import Path; from esimshaper import doctor;"
    "from esimshaper.edge import probe, probe_bpf, probe_network, probe_nft;"
    "from esimshaper.core.facts import Wanted;"
)
WAN_AND_LAN = """
ip link add wan0 type veth peer name carrier0
ip link add br0 type bridge
ip link set wan0 up
"""


def on_a_box(expression: str, setup: str = "", *wrapper: str, environment: dict[str, str] | None = None):
    """Value of a Python expression in fresh network and mount namespaces, after the shell commands of `setup`."""
    program = f"{NAMES} sys.stdout.write(base64.b64encode(pickle.dumps({expression})).decode())"
    command = ["unshare", "--net", "--mount", "sh", "-ec", f'{setup}\nexec "$@"', "sh", *wrapper, PYTHON, "-c", program]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads(base64.b64decode(done.stdout))  # noqa: S301  from our own child


def wanted(*lans: str) -> str:
    return f"Wanted('wan0', {lans or ('br0',)!r})"


# The kernel


@needs_root
def test_this_kernel_can_do_all_that_the_meter_asks() -> None:
    assert probe_bpf.failures() == ()


@needs_root
def test_the_rehearsal_leaves_nothing_in_the_namespace_of_its_caller() -> None:
    assert on_a_box(
        "(probe_bpf.failures(), probe_network.links()[1:], __import__('os').system('tc qdisc | grep clsact'))"
    ) == (
        (),
        (),
        256,
    )


@needs_root
def test_without_capabilities_the_kernel_forbids_bpf_and_doctor_says_root() -> None:
    drop = ("setpriv", "--bounding-set", "-sys_admin,-bpf,-net_admin", "--inh-caps", "-all")
    findings: list[Finding] = on_a_box("doctor.examine()", "", *drop)
    problems = {finding.check: finding for finding in findings if finding.level is Level.PROBLEM}
    assert "CAP_BPF and CAP_NET_ADMIN missing" in problems["privileges"].sentence
    assert "forbids" in problems["kernel"].sentence
    assert "root" in problems["kernel"].hint


@needs_root
def test_with_bpf_and_net_admin_alone_loading_works_and_only_the_namespace_does_not() -> None:
    drop = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-all")
    facts = on_a_box("(probe.privileges(), probe_bpf.failures())", "", *drop)
    assert "CAP_BPF" in facts[0].capabilities
    assert facts[1] == (Failure(Operation.NAMESPACE, errno.EPERM),)


@needs_root
def test_a_missing_bpffs_is_found_with_the_command_that_mounts_it() -> None:
    unmounted = "mount -t tmpfs none /sys/fs/bpf"
    findings = on_a_box("doctor.examine()", unmounted)
    (finding,) = [finding for finding in findings if finding.check == "bpffs"]
    assert finding.level is Level.PROBLEM
    assert finding.hint == "mount -t bpf bpf /sys/fs/bpf"
    mounted = on_a_box("probe.bpffs()", f"{unmounted}; {finding.hint}")
    assert mounted.mounted
    assert mounted.writable


@needs_root
def test_a_read_only_bpffs_is_not_writable() -> None:
    assert not on_a_box("probe.bpffs()", "mount -t bpf -o ro bpf /sys/fs/bpf").writable


# Libraries


def test_debians_bcc_is_found_with_its_version() -> None:
    found = probe.compiler()
    assert found.detail == ""
    assert found.version


def test_a_missing_bcc_is_told_as_what_the_interpreter_said(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "bcc.py").write_text("raise ModuleNotFoundError(\"No module named 'bcc'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "No module named 'bcc'" in probe.compiler().detail


def test_the_unrelated_bcc_of_pypi_is_not_taken_for_debians(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "bcc.py").write_text("__version__ = '1.0'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "has no attribute 'BPF'" in probe.compiler().detail


@needs_root
def test_a_missing_libbpf_is_a_failure_and_not_a_crash() -> None:
    hide = "for file in /usr/lib/*/libbpf.so.1; do mount --bind /dev/null $(readlink -f $file); done"
    failure = on_a_box("probe.libbpf()", hide)
    assert isinstance(failure, Failure)
    assert failure.operation is Operation.LIBBPF


def test_doctor_runs_without_pyroute2_and_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "pyroute2.py").write_text("raise ModuleNotFoundError(\"No module named 'pyroute2'\")\n")
    program = (
        "from esimshaper.core.facts import Wanted; from esimshaper.edge import probe; from pathlib import Path;"
        "facts = probe.gather(Wanted('wan0', ()), Path('/'), Path('/none'));"
        "print(facts.unknown['network'], facts.links)"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [PYTHON, "-c", program],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"PYTHONPATH": path},
        check=True,
    )
    assert done.stdout.strip() == "No module named 'pyroute2' None"


def test_a_probe_that_fails_leaves_the_others_their_facts(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probe, "CAPABILITIES", None)
    facts = probe.gather(None, tmp_path, tmp_path / "none")
    assert facts.privileges is None
    assert "privileges" in facts.unknown
    assert facts.state is not None
    assert facts.bpffs is not None


# Interfaces, filters, routes


@needs_root
def test_links_are_seen_with_their_type_and_kind() -> None:
    found = on_a_box("probe_network.links()", WAN_AND_LAN + "ip tuntap add tun0 mode tun; ip link set wan0 master br0")
    links = {link.name: link for link in found}
    assert (links["wan0"].type, links["wan0"].up, links["wan0"].master) == (1, True, links["br0"].index)
    assert (links["br0"].kind, links["br0"].up) == ("bridge", False)
    assert links["tun0"].type == 65534


@needs_root
def test_the_old_ingress_qdisc_is_found_and_clsact_is_not_mistaken_for_it() -> None:
    setup = WAN_AND_LAN + "tc qdisc add dev wan0 ingress; tc qdisc add dev br0 clsact"
    assert on_a_box(f"probe_network.ingress_qdiscs({wanted()})", setup) == ("wan0",)


@needs_root
def test_a_foreign_filter_is_found_once_with_its_side_and_priority() -> None:
    setup = (
        WAN_AND_LAN
        + """
tc qdisc add dev wan0 clsact
tc filter add dev wan0 ingress prio 1 protocol all u32 match u32 0 0 flowid 1:1
tc filter add dev wan0 ingress prio 1 protocol all u32 match u32 1 1 flowid 1:1
tc filter add dev wan0 egress prio 77 protocol all u32 match u32 0 0 flowid 1:1
"""
    )
    found = on_a_box(f"probe_network.filters({wanted()})", setup)
    assert found == (Filter("wan0", "ingress", 1, "u32"), Filter("wan0", "egress", 77, "u32"))


@needs_root
def test_a_tcx_program_is_found_because_it_runs_before_all_filters() -> None:
    """The program is attached by a link (BPF_LINK_CREATE, 28), which lives as long as the child."""
    attach = (
        "(probe_bpf.bpf(28, bytearray(__import__('struct').pack("
        "'=IIII', probe_bpf.load_program(), __import__('socket').if_nametoindex('wan0'), 46, 0).ljust(48, b'\\0'))),"
        f" probe_network.filters({wanted()}))[1]"
    )
    (found,) = on_a_box(attach, WAN_AND_LAN)
    assert (found.interface, found.direction, found.priority, found.kind) == ("wan0", "ingress", 0, "tcx")


@needs_root
def test_default_routes_are_named_by_interface() -> None:
    setup = (
        WAN_AND_LAN
        + """
ip link set carrier0 up; ip link set br0 up
ip addr add 192.0.2.2/24 dev wan0; ip route add default via 192.0.2.1 dev wan0
ip -6 route add default dev br0
"""
    )
    assert on_a_box("probe_network.default_routes()", setup) == ("wan0", "br0")


# Marks and offload

MARK_RULES = {
    "meta mark set 0x1": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark set ct mark": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark set mark or 0x1": (MarkAccess.WRITES, 0x1),
    "meta mark set mark xor 0xf0": (MarkAccess.WRITES, 0xF0),
    "meta mark set mark and 0xff000000 or 0x100": (MarkAccess.WRITES, 0x00FFFFFF),
    "meta mark set ip saddr map { 192.0.2.1 : 0x5 }": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark 0x1 accept": (MarkAccess.READS, 0xFFFFFFFF),
    "meta mark { 0x1, 0x2 } accept": (MarkAccess.READS, 0xFFFFFFFF),
    "meta mark and 0xff == 0x1 accept": (MarkAccess.READS, 0xFF),
    "ct mark set mark": None,
    "ip saddr 192.0.2.1 accept": None,
}


def nft(*rules: str, hook: str = "prerouting") -> str:
    chain = f"nft 'add table t; add chain t c {{ type filter hook {hook} priority -150; }}'\n"
    return chain + "\n".join(f"nft 'add rule t c {rule}'" for rule in rules)


@needs_root
def test_nft_rules_are_read_down_to_the_bits_of_the_mark_that_they_touch() -> None:
    found = on_a_box("probe_nft.mark_uses()", nft(*MARK_RULES))
    assert [(use.access, use.bits) for use in found] == [expected for expected in MARK_RULES.values() if expected]
    assert all(" of ip t c" in use.where for use in found)


@needs_root
def test_marks_of_the_routers_own_packets_are_left_alone() -> None:
    assert on_a_box("probe_nft.mark_uses()", nft("meta mark set 0x1", hook="output")) == ()


@needs_root
def test_an_ip_rule_with_a_mark_is_found_and_not_fwmark_is_left_alone() -> None:
    setup = """
ip rule add fwmark 0x1 table 100 priority 500
ip -6 rule add fwmark 0x100/0xf00 table 100 priority 501
ip rule add not fwmark 0xca6c table 100 priority 502
"""
    found = on_a_box("probe_network.fwmark_rules()", setup)
    assert [(use.where, use.bits) for use in found] == [
        ("ip rule 500 (fwmark 0x1)", 0xFFFFFFFF),
        ("ip rule 501 (fwmark 0x100)", 0xF00),
    ]


FLOWTABLES = """table inet fw {
	flowtable soft {
		hook ingress priority filter
		devices = { eth0, wwan0 }
	}

	flowtable hard {
		hook ingress priority filter
		devices = { eth0, wwan0 }
		flags offload
		counter
	}
}
table ip other {
	flowtable soft {
		hook ingress priority filter + 10
		devices = { eth1 }
		counter
	}
}
"""


def test_only_flowtables_with_flags_offload_are_hardware() -> None:
    """Text as of nft 1.0.6 (flowtable_print_declaration of its src/rule.c)."""
    assert probe_nft.parse_flowtables(FLOWTABLES) == (
        Flowtable("inet fw soft", hardware=False),
        Flowtable("inet fw hard", hardware=True),
        Flowtable("ip other soft", hardware=False),
    )


def test_marks_of_iptables_cannot_be_read_and_are_told_as_such() -> None:
    """As `nft -j` shows a rule of iptables-nft: the name of the target without its options."""
    rule = {
        "family": "ip",
        "table": "mangle",
        "chain": "PREROUTING",
        "handle": 4,
        "expr": [{"xt": {"type": "target", "name": "MARK"}}],
    }
    (use,) = probe_nft.parse_mark_uses({"nftables": [{"rule": rule}]})
    assert use.access is MarkAccess.UNREADABLE


def test_without_nft_the_reason_names_the_package(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt install nftables"):
        probe_nft.mark_uses()


# Files, clock, daemon


def test_a_state_directory_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    found = probe.directory(tmp_path / "a" / "b")
    assert found == Directory(str(tmp_path / "a" / "b"), exists=False, writable=True, free_bytes=found.free_bytes)
    assert found.free_bytes > 0


@needs_root
def test_a_read_only_file_system_is_not_writable() -> None:
    setup = "mount -t tmpfs -o ro none /mnt"
    assert not on_a_box("probe.directory(Path('/mnt/esimshaper'))", setup).writable


def test_a_file_in_the_place_of_the_state_directory_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not probe.directory(tmp_path / "file").writable


def test_the_daemon_is_running_if_its_socket_accepts(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    assert not probe.answers(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert not probe.answers(path)
        server.listen()
        assert probe.answers(path)
    assert not probe.answers(path)


def test_lease_files_are_tried_by_reading(tmp_path: Path) -> None:
    (tmp_path / "leases").touch()
    assert probe.lease_file(tmp_path / "leases").problem == ""
    assert probe.lease_file(tmp_path / "none").problem == "No such file or directory"
    assert probe.lease_file(tmp_path).problem == "Is a directory"


def test_the_clock_is_read_without_a_change() -> None:
    assert probe.clock().unix > 1.7e9


# All together


CONFIG = """
wan: {interface: wan0}
lan: {interfaces: [br0], leases: []}
timezone: Asia/Tokyo
"""


@needs_root
def test_doctor_names_every_trouble_of_a_real_box_at_once(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text(CONFIG)
    setup = (
        WAN_AND_LAN
        + nft("meta mark set 0x1")
        + """
ip rule add fwmark 0x1 table 100 priority 500
ip link set wan0 master br0
tc qdisc add dev wan0 clsact
tc filter add dev wan0 ingress prio 1 protocol all u32 match u32 0 0 flowid 1:1
"""
    )
    findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}))", setup)
    told = {(finding.check, finding.level) for finding in findings}
    assert told >= {
        ("configuration", Level.OK),
        ("kernel", Level.OK),
        ("wan", Level.PROBLEM),
        ("filters", Level.WARNING),
        ("marks", Level.PROBLEM),
        ("marks", Level.WARNING),
    }
    assert not doctor.able(findings)


@needs_root
def test_a_box_as_it_should_be_is_able(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text(CONFIG)
    setup = WAN_AND_LAN + "mount -t bpf bpf /sys/fs/bpf"
    findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}), state=Path('/tmp'))", setup)
    assert doctor.able(findings), doctor.render(findings, color=False)


def test_a_wrong_configuration_is_a_problem_for_each_mistake(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text("wan: {interfaze: wan0}\nlan: {interfaces: 7}\n")
    mistakes = [one for one in doctor.examine(config) if one.check == "configuration"]
    assert len(mistakes) >= 2
    assert all(one.level is Level.PROBLEM for one in mistakes)
    assert str(config) in mistakes[0].sentence


FINDINGS = [
    Finding.ok("kernel", "Good."),
    Finding.warning("clock", "Doubtful.", "set it"),
    Finding.problem("bpffs", "Bad.", "mount it"),
]


def test_in_a_pipe_doctor_prints_words_in_ascii_with_hints_below() -> None:
    lines = doctor.render(FINDINGS, color=False).splitlines()
    assert lines[:5] == [
        "ok      kernel: Good.",
        "warning clock: Doubtful.",
        "        -> set it",
        "problem bpffs: Bad.",
        "        -> mount it",
    ]
    assert "\n".join(lines).isascii()
    assert lines[-1] == "This box cannot meter truthfully yet: 1 problem to solve."


def test_on_a_terminal_doctor_prints_signs() -> None:
    text = doctor.render(FINDINGS, color=True)
    assert all(sign in text for sign in "✔!✘")


def test_the_document_says_the_same_for_machines() -> None:
    document = json.loads(json.dumps(doctor.document(FINDINGS)))
    assert (document["version"], document["able"]) == (1, False)
    assert document["findings"][2] == {"check": "bpffs", "level": "problem", "sentence": "Bad.", "hint": "mount it"}
    assert doctor.document(FINDINGS[:2])["able"]


def test_facts_without_a_configuration_name_no_interfaces(tmp_path: Path) -> None:
    facts: Facts = probe.gather(None, tmp_path, tmp_path / "none")
    assert (facts.wanted, facts.links, facts.filters) == (None, None, None)
    assert Wanted("wan0", ()).mark_mask == 0xFF000000
