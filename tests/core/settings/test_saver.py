# SPDX-License-Identifier: GPL-2.0-or-later
"""`saver` and `dnsmasq` in the configuration: nothing is done until it is there, and what is wrong with it."""

import pytest

from esimshaper.core.model.withholding import NOTHING_SAVED, Metered, SaverSettings
from tests.core.settings.parsing import messages_of, settings_of
from tests.core.settings.test_tree import tree_with

FILES = "/run/esimshaper/dnsmasq"
CERTIFICATE = {"certificate": "/c.pem", "key": "/k.pem"}


def test_nothing_is_done_without_the_blocks():
    saver = settings_of(tree_with(("saver",), {})).saver
    assert saver == NOTHING_SAVED
    assert saver.is_idle


def test_everything_can_be_said():
    block = {
        "block_names": ["/a", "/a"],
        "allow_names": ["Login.example.com."],
        "canaries": ["firefox"],
        "metered": "auto",
    }
    tree = tree_with(("saver",), block) | {"dnsmasq": {"files": FILES}}
    said = SaverSettings(("/a",), ("login.example.com",), ("firefox",), Metered.AUTO, FILES)
    assert settings_of(tree).saver == said


def test_lists_that_nobody_would_read_are_refused():
    messages = messages_of(tree_with(("saver",), {"block_names": ["/a"], "canaries": ["relay"]}))
    assert [path for path, _ in messages] == [("saver", "block_names"), ("saver", "canaries")]
    assert "dnsmasq is left alone" in messages[0][1]


@pytest.mark.parametrize(
    ("web", "portal"),
    [
        ({"tls": CERTIFICATE, "names": ["data.example.com"]}, "https://data.example.com/.well-known/captive-portal"),
        ({"tls": CERTIFICATE}, ""),
        ({"names": ["data.example.com"]}, ""),
    ],
)
def test_phones_are_told_of_the_page_only_where_a_name_has_a_certificate(web, portal):
    tree = tree_with(("web",), web)
    assert settings_of(tree | {"dnsmasq": {"files": FILES}}).saver.portal == portal
    assert settings_of(tree).saver == NOTHING_SAVED, "dnsmasq is left alone"


def test_what_is_no_host_name_cannot_be_allowed():
    messages = messages_of(tree_with(("saver",), {"allow_names": ["a.example", "no name"]}))
    assert messages == [(("saver", "allow_names", 1), "`no name` is no host name")]
