# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether some DHCP server is configured to call the link metered."""

import pytest

from esimshaper.edge.probe.hints import metered_hints


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("etc/dnsmasq.d/metered.conf", "dhcp-option-force=43,ANDROID_METERED\n"),
        ("etc/systemd/network/lan.network", "[DHCPServer]\nSendOption=43:string:ANDROID_METERED\n"),
        ("etc/NetworkManager/dnsmasq-shared.d/x", "dhcp-option-force=43,ANDROID_METERED"),
    ],
)
def test_a_file_with_the_hint_is_found(tmp_path, place, text):
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert metered_hints(tmp_path) == (str(file),)


def test_a_comment_is_no_hint(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/dnsmasq.conf").write_text("# dhcp-option-force=43,ANDROID_METERED\nport=53\n")
    assert metered_hints(tmp_path) == ()
