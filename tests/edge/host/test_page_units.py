# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd is told of the page: names of units, drop-ins that follow the configuration, and nothing of others."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from esimshaper import page_units as tool
from esimshaper.core.settings.values import Listen, Tls, Web
from esimshaper.edge.host import page_units
from tests.core.settings.parsing import settings_of
from tests.core.settings.test_tree import tree_with

PLAIN = settings_of(tree_with(("lan", "interfaces"), ["br0", "wlan-guest"]))


def test_each_interface_has_a_socket_of_its_own_that_comes_with_it():
    files = page_units.drop_ins(["br0"], ["80"], None)
    assert files == {
        "esimshaper-web@br0.socket.d/listen.conf": "[Socket]\nBindToDevice=br0\nListenStream=80\n",
        "sys-subsystem-net-devices-br0.device.wants/esimshaper-web@br0.socket": (
            "/usr/lib/systemd/system/esimshaper-web@.socket"
        ),
    }


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="needs systemd-escape")
@pytest.mark.parametrize("name", ["br0", "br-lan", "wlan0.7", ".hidden", "a@b", "lan:1", "\N{SNOWMAN}"])
def test_names_are_escaped_as_systemd_does(name):
    said = subprocess.run(["systemd-escape", name], capture_output=True, text=True, check=True).stdout.strip()
    assert page_units.escaped(name) == said


def test_files_follow_what_is_wanted_and_others_stay(tmp_path):
    of_others = tmp_path / "esimshaper-web.service.d/mine.conf"
    of_others.parent.mkdir()
    of_others.write_text("[Service]\n")
    first = page_units.drop_ins(["br0", "br-lan"], ["80", "443"], ("/etc/c.pem", "/etc/k.pem"))
    assert page_units.replace(first, tmp_path)
    assert not page_units.replace(first, tmp_path), "nothing has changed"
    assert (tmp_path / "sys-subsystem-net-devices-br0.device.wants/esimshaper-web@br0.socket").is_symlink()
    text = (tmp_path / "esimshaper-web.service.d/certificate.conf").read_text()
    assert text == "[Service]\nLoadCredential=certificate:/etc/c.pem\nLoadCredential=key:/etc/k.pem\n"
    assert page_units.replace(page_units.drop_ins(["br0"], ["8080"], None), tmp_path)
    listen = tmp_path / "esimshaper-web@br0.socket.d/listen.conf"
    assert listen.read_text() == "[Socket]\nBindToDevice=br0\nListenStream=8080\n"
    assert not (tmp_path / "esimshaper-web@br\\x2dlan.socket.d").exists()
    assert page_units.replace({}, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [
        "esimshaper-web.service.d/mine.conf"
    ]


@pytest.mark.parametrize("name", ["br:0", "br%0", "br 0", "br0\n", "1234", "..", "a" * 16, "\N{SNOWMAN}", ""])
def test_a_name_that_systemd_would_ignore_opens_nothing(name):
    """It would listen at every interface, that of the carrier too."""
    lan = replace(PLAIN.lan, interfaces=(name, "br0"))
    files = tool.wanted(replace(PLAIN, lan=lan, web=Web()))
    assert [each for each in files if each.endswith("listen.conf")] == ["esimshaper-web@br0.socket.d/listen.conf"]


def test_without_a_page_nothing_is_wanted():
    assert tool.wanted(None) == {}
    assert tool.wanted(PLAIN) == {}


@pytest.mark.parametrize(
    ("web", "streams"),
    [
        (Web(), ["80"]),
        (Web(tls=Tls("/etc/c.pem", "/etc/k.pem")), ["80", "443"]),
        (Web(listen=(Listen("192.168.8.1", 8080), Listen("fd00::1", 80))), ["192.168.8.1:8080", "[fd00::1]:80"]),
    ],
)
def test_the_page_listens_where_the_settings_say_on_each_interface_of_the_lan(web, streams):
    files = tool.wanted(replace(PLAIN, web=web))
    wanted = "".join(f"ListenStream={each}\n" for each in streams)
    assert files["esimshaper-web@br0.socket.d/listen.conf"] == f"[Socket]\nBindToDevice=br0\n{wanted}"
    at_guests = files["esimshaper-web@wlan\\x2dguest.socket.d/listen.conf"]
    assert at_guests == f"[Socket]\nBindToDevice=wlan-guest\n{wanted}"
    assert ("esimshaper-web.service.d/certificate.conf" in files) is (web.tls is not None)
