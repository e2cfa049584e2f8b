# SPDX-License-Identifier: GPL-2.0-or-later
"""The page in the configuration: off until it is there, where it is, and what is wrong with it."""

from typing import Any

import pytest

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.values import Listen, Tls, Web
from esimshaper.core.settings.web import web_from


def parsed(**tree: Any) -> tuple[Web | None, list[tuple[Any, str]]]:
    problems: list[Problem] = []
    web = web_from(Block(tree, problems))
    return web, [(each.path, each.message) for each in problems]


def test_there_is_no_page_without_its_block():
    assert parsed() == (None, [])


def test_an_empty_block_is_the_page_at_the_addresses_of_the_lan():
    assert parsed(web={"listen": [], "names": ["data.internal"], "plan": "shown"}) == (Web((), ("data.internal",)), [])


def test_everything_can_be_said():
    block = {
        "listen": ["192.168.8.1:80", "[fd00::1]:8080"],
        "names": ["Data.Internal", "data.internal"],
        "plan": "hidden",
        "tls": {"certificate": "/c", "key": "/k"},
    }
    listen = (Listen("192.168.8.1", 80), Listen("fd00::1", 8080))
    web = Web(listen, ("data.internal",), plan=False, tls=Tls("/c", "/k"))
    assert parsed(web=block) == (web, [])
    assert str(web) == "on, at 192.168.8.1:80, [fd00::1]:8080"


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        (["data.internal:80"], "`data.internal:80` is not an IP address and a port"),
        (["192.168.8.1:0"], "`192.168.8.1:0` does not end in a port from 1 to 65535"),
        (["fd00::1:80"], "`fd00::1:80` needs brackets around an IPv6 address, and only there"),
    ],
)
def test_an_address_that_is_none_is_refused_at_its_place(listen, said):
    assert parsed(web={"listen": listen})[1] == [(("web", "listen", 0), said)]


def test_an_address_stands_there_once():
    _, problems = parsed(web={"listen": ["192.168.8.1:80", "192.168.8.1:080"]})
    assert problems == [(("web", "listen", 1), "`192.168.8.1:080` is there twice")]
