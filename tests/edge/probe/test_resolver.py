# SPDX-License-Identifier: GPL-2.0-or-later
"""What works against the saver, in configurations of dnsmasq, hostapd and squid."""

import shutil
import socket
from pathlib import Path

import pytest

from esimshaper.core.model.resolver_facts import OtherResolver
from esimshaper.edge.probe.resolver import resolver, version

OWN = ("192.168.8.1", "2001:db8::1")


def write(root: Path, place: str, text: str) -> str:
    file = root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("line", "others"),
    [
        ("dhcp-option=6,192.168.8.1,1.1.1.1", ("1.1.1.1",)),
        ("dhcp-option-force=tag:kids,option:dns-server,9.9.9.9", ("9.9.9.9",)),
        ("dhcp-option=option6:dns-server,[2606:4700:4700::1111],[::]", ("[2606:4700:4700::1111]",)),
        ("dhcp-option=6,0.0.0.0", ()),
        ("dhcp-option=option:router,192.168.8.2", ()),
        ("# dhcp-option=6,1.1.1.1", ()),
    ],
)
def test_another_resolver_by_dhcp_is_found(tmp_path, line, others):
    file = write(tmp_path, "etc/dnsmasq.d/lan.conf", f"{line}\n")
    assert resolver(OWN, tmp_path).others == ((OtherResolver(file, others),) if others else ())


def test_hosts_with_tags_are_found_where_dnsmasq_reads_them(tmp_path):
    write(tmp_path, "etc/dnsmasq.conf", "dhcp-hostsfile=/etc/hosts.dhcp\ndhcp-hostsdir=/etc/more\n")
    plain = write(tmp_path, "etc/hosts.dhcp", "02:00:00:00:00:10,192.168.8.20\n")
    tagged = write(tmp_path, "etc/more/one", "02:00:00:00:00:11,set:kids,192.168.8.21\n" * 2)
    assert resolver(OWN, tmp_path).tagged == (tagged,)
    assert plain not in resolver(OWN, tmp_path).tagged


def test_an_access_point_without_a_socket_is_mute(tmp_path):
    write(tmp_path, "etc/hostapd/a.conf", "interface=wlan0\nssid=x\n")
    write(tmp_path, "etc/hostapd/b.conf", "interface=wlan9\n")  # of a card that is not plugged in
    (tmp_path / "sys/class/net/wlan0").mkdir(parents=True)
    assert resolver(OWN, tmp_path).mute == ("wlan0",)
    (tmp_path / "run/hostapd").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(tmp_path / "run/hostapd/wlan0"))
        assert resolver(OWN, tmp_path).mute == ()


@pytest.mark.parametrize(("line", "found"), [("quick_abort_min -1 KB", 1), ("quick_abort_min 16 KB", 0)])
def test_a_squid_that_fetches_all_is_found(tmp_path, line, found):
    write(tmp_path, "etc/squid/squid.conf", f"# quick_abort_min -1\n{line}\n")
    assert len(resolver(OWN, tmp_path).eager) == found


@pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="needs dnsmasq")
def test_debians_dnsmasq_says_its_version():
    assert version() >= "2.90"
