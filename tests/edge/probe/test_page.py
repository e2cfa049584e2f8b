# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes of the page: who listens on its ports, and what DHCP servers tell phones."""

import pytest

from esimshaper.edge.probe import page

SHOWN = """\
LISTEN 0 511          0.0.0.0:80        0.0.0.0:*    users:(("nginx",pid=71,fd=6),("nginx",pid=70,fd=6))
LISTEN 0 128           br0:443             *:*       users:(("python3",pid=80,fd=3),("systemd",pid=1,fd=40))
LISTEN 0 128           [::]:8080          [::]:*     users:(("lighttpd",pid=90,fd=4))
LISTEN 0 128           [::]:22            [::]:*
"""


def test_programs_of_others_at_our_ports_are_found():
    assert page.holders(SHOWN, (80, 443)) == {80: "nginx"}
    assert page.holders(SHOWN, (8080, 22)) == {8080: "lighttpd"}


@pytest.mark.parametrize(
    ("file", "line", "announces"),
    [
        ("etc/dnsmasq.d/page.conf", "dhcp-option=114,https://data.example.org/", True),
        ("etc/dnsmasq.d/page.conf", "dhcp-option=tag:lan,option:114,https://data.example.org/", True),
        ("etc/dnsmasq.d/page.conf", "#dhcp-option=114,https://data.example.org/", False),
        ("etc/dnsmasq.d/page.conf", "dhcp-option=6,192.168.114.1", False),
        ("etc/systemd/network/lan.network", "SendOption=114:string:https://data.example.org/", True),
        ("etc/dhcp/dhcpd.conf", 'option default-url "https://data.example.org/";', True),
    ],
)
def test_what_dhcp_servers_tell_of_a_page_is_found(tmp_path, file, line, announces):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{line}\n")
    assert page.announced(tmp_path) == ((str(path),) if announces else ())
