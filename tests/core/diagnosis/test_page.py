# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of the page: who has its port, that it has no password, what phones are told of it."""

from dataclasses import replace

from esimshaper.core.model.box import BoxFacts, Severity
from esimshaper.core.model.page_facts import PageFacts, PageWanted
from tests.core.diagnosis.healthy_box import GOOD, assert_one_finding, complaints

PLAIN = PageWanted((80,))
TLS = PageWanted((80, 443), tls=True, host="data.example.org")
THERE = PageFacts({"br0": "active"}, {}, True, ())


def box(page: PageFacts, wanted: PageWanted | None = PLAIN, **facts: object) -> BoxFacts:
    assert GOOD.wanted
    return replace(GOOD, wanted=replace(GOOD.wanted, page=wanted), page=page, **facts)


def test_a_page_that_is_there_is_no_complaint():
    assert complaints(box(THERE)) == []


def test_without_a_page_nothing_is_said_of_it():
    assert complaints(box(PageFacts(), None)) == []


def test_a_port_of_another_program_is_left_to_it_and_said():
    found = complaints(box(replace(THERE, sockets={"br0": "failed"}, holders={80: "nginx"})))
    assert_one_finding(found, "page", Severity.WARNING, "nginx has port 80", "8080")


def test_a_socket_that_does_not_listen_is_said():
    found = complaints(box(replace(THERE, sockets={"br0": "active", "wlan1": "inactive"})))
    assert_one_finding(found, "page", Severity.WARNING, "at wlan1", "esimshaper-web-listen")


def test_a_missing_module_is_said_with_its_package():
    found = complaints(box(THERE, libraries={"Jinja2": ""}))
    assert_one_finding(found, "page", Severity.WARNING, "python3-jinja2", "apt install python3-jinja2")


def test_a_page_without_a_password_is_a_note():
    found = complaints(box(replace(THERE, password=False)))
    assert_one_finding(found, "page", Severity.NOTE, "no owner's password", "esimshaper web password")


def test_phones_are_told_of_a_page_with_a_certificate_only():
    announced = replace(THERE, announced=("/etc/dnsmasq.d/page.conf",))
    assert_one_finding(complaints(box(announced)), "page", Severity.WARNING, "option 114", "web.tls")
    assert complaints(box(announced, TLS)) == []
    hint = "dhcp-option=114,https://data.example.org/.well-known/captive-portal"
    assert_one_finding(complaints(box(THERE, TLS)), "page", Severity.NOTE, "not told", hint)
