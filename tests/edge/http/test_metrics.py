# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge metrics: what a Prometheus that scrapes us gets, over real sockets."""

import gzip
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.report import metrics as report_metrics
from esimshaper.edge.http import metrics
from tests import synthetic_router as router
from tests import tools


@pytest.fixture
def listener():
    running = metrics.serve(lambda: report_metrics.metrics(router.state(), router.facts()), "127.0.0.1", 0)
    yield running
    running.stop()


def scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read().decode()


def values(text: str, name: str) -> dict[str, float]:
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)}


def test_a_scrape_carries_the_numbers_to_the_byte(listener):
    text = scrape(listener.address)
    received = values(text, "esimshaper_client_receive_bytes_total")
    assert received['{client="alice-phone"}'] == 4_812_345_678
    assert sum(received.values()) == sum(values(text, "esimshaper_wan_receive_bytes_total").values())
    assert values(text, "esimshaper_build_info") == {'{version="0.1.0"}': 1.0}
    assert "_created" not in text
    assert "process_resident_memory_bytes" in text


def test_promtool_finds_nothing_to_complain_about(listener):
    command = [tools.find("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=scrape(listener.address), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_host_name_cannot_break_the_exposition():
    from esimshaper.core.model.identity import ClientKey, Identity
    from esimshaper.core.model.state import NamesSlice, State

    evil = Identity(ClientKey("02:00:00:00:00:10"), "", 'a"} 1\nfake_metric{b="\\')
    state = State(names=NamesSlice({evil.key: evil}))
    running = metrics.serve(lambda: report_metrics.metrics(state, router.facts()), "127.0.0.1", 0)
    try:
        assert not re.search("^fake_metric", scrape(running.address), re.MULTILINE)
    finally:
        running.stop()


def test_gzip_is_spoken(listener):
    request = urllib.request.Request(f"http://{listener.address}/metrics", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the URL is ours
        body = answer.read()
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    assert b"esimshaper_build_info" in text


def test_starting_does_not_ask_for_metrics_and_a_failing_scrape_is_an_error_not_a_lie():
    asked = []

    def fails():
        asked.append(1)
        raise RuntimeError("no reading yet")

    running = metrics.serve(fails, "127.0.0.1", 0)
    try:
        assert not asked
        for _ in range(10):  # more often than there are workers
            with pytest.raises(urllib.error.HTTPError, match="500") as caught:
                scrape(running.address)
            caught.value.close()
    finally:
        running.stop()


def test_ipv6_is_served():
    running = metrics.serve(list, "::1", 0)
    try:
        assert running.address.startswith("[::1]:")
        assert "process_" in scrape(running.address)
    finally:
        running.stop()


def test_an_address_in_use_is_named_with_a_way_out(listener):
    port = int(listener.address.rsplit(":", 1)[1])
    with pytest.raises(Unusable, match=rf"127\.0\.0\.1:{port}.*in use") as caught:
        metrics.serve(list, "127.0.0.1", port)
    assert "ss -ltnp" in caught.value.hint


def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(Unusable, match=r"192\.0\.2\.77:1"):
        metrics.serve(list, "192.0.2.77", 1)


def test_an_interface_that_is_not_there_is_named():
    with pytest.raises(Unusable, match=r"\[fe80::1%nosuch0\]:1") as caught:
        metrics.serve(list, "fe80::1%nosuch0", 1)
    assert caught.value.hint == "there is no interface nosuch0"


def test_the_port_is_free_again_after_stop():
    running = metrics.serve(list, "127.0.0.1", 0)
    host, port = running.address.rsplit(":", 1)
    scrape(running.address)
    running.stop()
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    metrics.serve(list, host, int(port)).stop()
