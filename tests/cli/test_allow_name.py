# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper allow-name`: what it shows, and what people type wrongly."""

import pytest

from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.http.table import ROUTES
from esimshaper.views.names import names_page
from tests.cli.test_main import esimshaper

DOCUMENT = {
    "time": "2026-12-01T10:00:00+00:00",
    "dnsmasq": True,
    "names": 2,
    "services": ["youtube"],
    "problems": ["/etc/lists/ads:7: `com` would take away all names that end so"],
    "allowed": [{"name": "login.example", "until": "2026-12-01T11:00:00+00:00", "until_unix": 0}],
    "metered": True,
    "refused_percent": 41,
    "refuses_much": True,
}


def test_it_shows_what_is_refused_and_why_a_list_is_not_taken():
    text = "\n".join(line.text for line in names_page(DOCUMENT))
    assert "DNS refuses 2 names of the lists" in text
    assert "those of youtube, blocked for everybody" in text
    assert "login.example is allowed until 11:00" in text
    assert "the lists of before hold: /etc/lists/ads:7: `com`" in text
    assert "within the last hour 41 % were refused" in text
    assert "devices are told that the link is metered" in text


def test_without_dnsmasq_it_says_how():
    first, hint = names_page({**DOCUMENT, "dnsmasq": False})
    assert "dnsmasq is left alone" in first.text
    assert "man esimshaper.yaml" in hint.text


def test_a_time_without_a_name_makes_no_sense():
    done = esimshaper("allow-name", "--for", "1h")
    assert done.returncode == 2
    assert "say which name" in done.stderr


def test_without_a_daemon_it_says_so(tmp_path):
    assert esimshaper("allow-name", "a.example", "--socket", tmp_path / "none").returncode == 3


@pytest.mark.parametrize(
    "body", [{"name": "a.example"}, {"name": "a.example", "seconds": 5, "clear": True}, {"seconds": 5}]
)
def test_the_socket_takes_a_name_and_an_end(body):
    with pytest.raises(BadParameter):
        ROUTES["POST", "/v1/names/allow"](body)
