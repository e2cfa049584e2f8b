# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes against the real kernel and libraries."""

import errno
import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.box import BoxFacts, Directory, Feature, Finding, LeaseFile, Service, Severity, TcFilter
from esimshaper.core.model.errors import Failure, Operation
from esimshaper.edge.probe import box as probe
from esimshaper.edge.probe import bpf as probe_bpf
from esimshaper.edge.probe import service as probe_service
from tests.edge.probe.boxes import PYTHON, ROOT, SECONDS, WAN_AND_LAN, needs_root, on_a_box, wanted

# The kernel


@needs_root
def test_this_kernel_can_do_all_that_the_meter_asks() -> None:
    assert probe_bpf.failures() == ()


@needs_root
def test_the_rehearsal_leaves_nothing_in_the_namespace_of_its_caller() -> None:
    assert on_a_box(
        "(probe_bpf.failures(), probe_network.interfaces()[1:], __import__('os').system('tc qdisc | grep clsact'))"
    ) == (
        (),
        (),
        256,
    )


@needs_root
def test_without_capabilities_the_kernel_forbids_bpf_and_doctor_says_root() -> None:
    drop = ("setpriv", "--bounding-set", "-sys_admin,-bpf,-net_admin", "--inh-caps", "-all")
    findings: list[Finding] = on_a_box("doctor.examine()", "", *drop)
    problems = {finding.check: finding for finding in findings if finding.severity is Severity.PROBLEM}
    assert "CAP_BPF and CAP_NET_ADMIN" in problems["privileges"].sentence
    assert "sudo esimshaper doctor" in problems["privileges"].hint
    assert "kernel" not in problems  # that it is forbidden says nothing about the box


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
    assert finding.severity is Severity.PROBLEM
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


def test_a_missing_bcc_is_shown_with_the_error_of_the_interpreter(tmp_path: Path, monkeypatch) -> None:
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
        "from esimshaper.core.model.box import Wanted; from esimshaper.edge.probe import box as probe;"
        "from pathlib import Path;"
        "facts = probe.gather(Wanted('wan0', ()), Path('/'), Path('/none'));"
        "print(facts.unknown['network'], facts.interfaces)"
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
    found = on_a_box(
        "probe_network.interfaces()",
        WAN_AND_LAN + "ip tuntap add tun0 mode tun; ip link set wan0 master br0; ip link add link br0 m0 type macvlan",
    )
    interfaces = {link.name: link for link in found}
    assert (interfaces["wan0"].type, interfaces["wan0"].up, interfaces["wan0"].master) == (
        1,
        True,
        interfaces["br0"].index,
    )
    assert (interfaces["br0"].kind, interfaces["br0"].up) == ("bridge", False)
    assert interfaces["tun0"].type == 65534
    assert (interfaces["m0"].base, interfaces["br0"].base) == (interfaces["br0"].index, 0)


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
    assert found == (TcFilter("wan0", "ingress", 1, "u32"), TcFilter("wan0", "egress", 77, "u32"))


@needs_root
def test_a_tcx_program_is_found_because_it_runs_before_all_filters() -> None:
    """The program is attached by a link (BPF_LINK_CREATE, 28), which lives as long as the child."""
    attach = (
        "(syscall.bpf(28, bytearray(__import__('struct').pack("
        "'=IIII', probe_bpf.load_program(), __import__('socket').if_nametoindex('wan0'), 46, 0).ljust(48, b'\\0'))),"
        f" probe_network.filters({wanted()}))[1]"
    )
    (found,) = on_a_box(attach, WAN_AND_LAN)
    assert (found.interface, found.direction, found.priority, found.kind) == ("wan0", "ingress", 0, "tcx")


@needs_root
def test_a_root_qdisc_is_foreign_if_neither_the_kernel_nor_we_chose_it() -> None:
    setup = (
        WAN_AND_LAN
        + """
ip link set carrier0 up; ip link set br0 up
tc qdisc add dev wan0 root handle 5: htb
tc qdisc add dev br0 root handle 7a00: htb
"""
    )
    roots = {link.name: link.root for link in on_a_box("probe_network.interfaces()", setup)}
    assert (roots["wan0"], roots["br0"], roots["carrier0"]) == ("htb", "", "")


@needs_root
def test_features_of_a_card_are_read_by_the_kernels_names() -> None:
    """No device at hand has hw-tc-offload, but each kernel knows the name."""
    seen = "probe_ethtool.features('wan0')"
    before, _, after = on_a_box(f"({seen}, devices.set_gro('wan0', on=True), {seen})", WAN_AND_LAN)
    assert (before["rx-gro"], after["rx-gro"]) == (False, True)
    assert before["hw-tc-offload"] is False
    assert not any(link.offloads for link in on_a_box("probe_network.interfaces()", WAN_AND_LAN))


@needs_root
def test_default_routes_of_every_table_and_of_several_ways_are_found() -> None:
    setup = (
        WAN_AND_LAN
        + """
ip link set carrier0 up; ip link set br0 up
ip addr add 192.0.2.2/24 dev wan0; ip addr add 198.51.100.2/24 dev br0; ip addr add 203.0.113.2/24 dev carrier0
ip route add default nexthop via 192.0.2.1 nexthop via 198.51.100.1
ip route add default via 203.0.113.1 table 100
"""
    )
    assert set(on_a_box("probe_network.default_routes()", setup)) == {"wan0", "br0", "carrier0"}


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


# What limits need


@needs_root
def test_this_kernel_can_do_all_that_limits_ask_and_trying_it_leaves_nothing() -> None:
    left = "__import__('subprocess').getoutput('ip -br link; tc qdisc; nft list tables')"
    before, missing_features, after = on_a_box(f"({left}, probe_limits.missing_features(), {left})")
    assert missing_features <= {Feature.FQ_CODEL}  # which the simple queue stands in for
    assert after == before


@needs_root
def test_without_nft_nothing_can_be_refused() -> None:
    hide = "for file in /usr/sbin/nft /sbin/nft; do mount --bind /dev/null $file || true; done; mount | grep -q nft"
    assert Feature.REJECT in on_a_box("probe_limits.missing_features()", hide)


@needs_root
def test_a_feature_that_the_kernel_lacks_is_named() -> None:
    """Nobody can take HTB out of a kernel, so one is tried that no kernel has."""
    none = "{Feature.HTB: lambda route, lo: route.tc('add', 'no_such_qdisc', lo, '1:')}"
    assert Feature.HTB in on_a_box(f"(probe_limits.TRIALS.update({none}), set(probe_limits.rehearse()))[1]")


def test_what_systemctl_shows_is_taken_by_name() -> None:
    shown = "Result=success\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nUser=esimshaper\n"
    shown += "ExecMainStatus=0\n"
    assert probe_service.parse(shown) == Service("loaded", "enabled", "active", "success", "esimshaper", "0")
    assert probe_service.parse("LoadState=not-found\nUnitFileState=\n") == Service("not-found", "", "", "")


@needs_root
def test_files_that_the_user_of_the_service_may_not_read_are_found() -> None:
    setup = "mount -t tmpfs none /mnt; cd /mnt; mkdir -m 700 d; touch d/leases open; (umask 77; touch closed)"
    paths = ["/mnt/closed", "/mnt/open", "/mnt/d/leases", "/mnt/not-there"]
    assert on_a_box(f"probe_service.unreadable('nobody', {paths})", setup) == ("/mnt/closed", "/mnt/d/leases")
    assert on_a_box(f"probe_service.unreadable('no-such-user', {paths})", setup) == ()


@needs_root
def test_forwarding_is_that_of_the_namespace() -> None:
    setup = "mount -t proc proc /proc; echo {} >/proc/sys/net/ipv4/ip_forward"
    assert [on_a_box("probe.forwarding()", setup.format(number)) for number in (0, 1)] == [False, True]


# Files, clock, daemon


def test_a_state_directory_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    found = probe.directory(tmp_path / "a" / "b")
    wanted = Directory(str(tmp_path / "a" / "b"), exists=False, writable=True, free_bytes=found.free_bytes)
    assert replace(found, volatile=False) == wanted
    assert found.free_bytes > 0


@needs_root
def test_a_directory_in_memory_is_volatile() -> None:
    assert on_a_box("probe.directory(Path('/mnt/esimshaper'))", "mount -t tmpfs none /mnt").volatile
    assert not probe.directory(ROOT).volatile


@needs_root
def test_a_read_only_file_system_is_not_writable() -> None:
    setup = "mount -t tmpfs -o ro none /mnt"
    assert not on_a_box("probe.directory(Path('/mnt/esimshaper'))", setup).writable


def test_a_file_in_the_place_of_the_state_directory_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not probe.directory(tmp_path / "file").writable


def test_the_daemon_is_running_if_its_socket_accepts(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    assert not probe.accepts_connections(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert not probe.accepts_connections(path)
        server.listen()
        assert probe.accepts_connections(path)
    assert not probe.accepts_connections(path)


def test_lease_files_are_tried_by_reading(tmp_path: Path) -> None:
    (tmp_path / "leases").touch()
    assert probe.lease_file(tmp_path / "leases").problem == ""
    assert probe.lease_file(tmp_path / "none").problem == "No such file or directory"
    assert probe.lease_file(tmp_path).problem == "Is a directory"
    os.mkfifo(tmp_path / "pipe")
    assert probe.lease_file(tmp_path / "pipe").problem == "Not a file"


def test_leases_of_a_file_are_counted_and_a_strange_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text("[Network]\nDHCPServer=yes\n")
    assert probe.lease_file(path) == LeaseFile(str(path), size=path.stat().st_size)
    path.write_text("1764000000 02:00:00:00:00:10 192.168.8.20 alice-phone *\n")
    assert probe.lease_file(path) == LeaseFile(str(path), size=path.stat().st_size, format="dnsmasq", leases=1)


def test_the_clock_is_read_without_a_change() -> None:
    assert probe.clock_facts().unix > 1.7e9


def test_facts_without_a_configuration_name_no_interfaces(tmp_path: Path) -> None:
    facts: BoxFacts = probe.gather(None, tmp_path, tmp_path / "none")
    assert (facts.wanted, facts.interfaces, facts.filters) == (None, None, None)


@needs_root
def test_alternative_names_of_an_interface_are_seen() -> None:
    add = "ip link property add dev wan0 altname modem altname a-name-of-more-than-15-letters"
    found = on_a_box("probe_network.interfaces()", f"{WAN_AND_LAN}{add}")
    names = {link.name: set(link.other_names) for link in found}
    assert names["wan0"] == {"modem", "a-name-of-more-than-15-letters"}
    assert names["lo"] == set()
