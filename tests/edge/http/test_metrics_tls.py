# SPDX-License-Identifier: GPL-2.0-or-later
"""Edges metrics, http and tls: who gets the metrics over TLS, and that nobody keeps others from it."""

import contextlib
import os
import shutil
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request

import pytest

from esimshaper.core.report import metrics as report_metrics
from esimshaper.edge.http import metrics
from esimshaper.edge.http import server as http
from esimshaper.edge.http.tls import Certificates, UnusableFileError
from tests import synthetic_router as router
from tests.certificates import Authority

METRICS = report_metrics.metrics(router.state(), router.facts())


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def serve():
    running = []

    def start(*files) -> str:
        certificates = Certificates(*map(str, files))
        running.append(metrics.serve(lambda: METRICS, "127.0.0.1", 0, certificates))
        return running[-1].address

    yield start
    for listener in running:
        listener.stop()


def client(authority: Authority, pair=None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if pair:
        context.load_cert_chain(*pair)
    return context


def scrape(address: str, context: ssl.SSLContext) -> str:
    with urllib.request.urlopen(f"https://{address}/metrics", context=context, timeout=10) as answer:
        return answer.read().decode()


def refused(address: str, context: ssl.SSLContext) -> bool:
    with pytest.raises((OSError, urllib.error.URLError)):
        scrape(address, context)
    return True


def test_without_client_ca_everybody_is_served_but_not_in_the_clear(authority, serve):
    address = serve(*authority.sign("router"))
    assert "esimshaper_build_info" in scrape(address, client(authority))
    with (
        pytest.raises((OSError, urllib.error.URLError)),
        urllib.request.urlopen(f"http://{address}/metrics", timeout=10),
    ):
        pass


def test_with_client_ca_only_those_whom_it_signed_are_served(authority, serve, tmp_path):
    address = serve(*authority.sign("router"), authority.certificate)
    assert "esimshaper_build_info" in scrape(address, client(authority, authority.sign("prometheus")))
    assert refused(address, client(authority))
    (tmp_path / "elsewhere").mkdir()
    assert refused(address, client(authority, Authority(tmp_path / "elsewhere", "authority").sign("prometheus")))
    assert refused(address, client(authority, authority.sign("another router", usage="serverAuth")))


def test_tls_before_1_2_is_refused(authority, serve):
    address = serve(*authority.sign("router"))
    old = client(authority)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(address, old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "esimshaper_build_info" in scrape(address, old)


def serial(address: str, authority: Authority) -> str:
    host, port = address.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as sock,
        client(authority).wrap_socket(sock, server_hostname=host) as secure,
    ):
        return str(secure.getpeercert()["serialNumber"])


def test_a_renewed_certificate_is_used_at_once_and_half_of_one_never(authority, serve, caplog):
    certificate, key = authority.sign("router")
    address = serve(certificate, key)
    first = serial(address, authority)
    new_certificate, new_key = authority.sign("renewed")
    new_certificate.replace(certificate)
    assert serial(address, authority) == first
    assert serial(address, authority) == first
    assert [record.message for record in caplog.records if "does not belong to" in record.message]
    assert len(caplog.records) == 1
    new_key.replace(key)
    assert serial(address, authority) != first


def test_a_certificate_may_come_later_than_the_daemon(authority, serve, tmp_path, caplog):
    place = tmp_path / "later.crt", tmp_path / "later.key"
    address = serve(*place)
    assert [record.message.startswith(f"metrics: there is no {place[0]}") for record in caplog.records] == [True]
    assert refused(address, client(authority))
    assert len(caplog.records) == 1
    for made, wanted in zip(authority.sign("router"), place, strict=True):
        shutil.copy(made, wanted)
    assert "esimshaper_build_info" in scrape(address, client(authority))


def _drip(address: str, stop: threading.Event, context: ssl.SSLContext | None) -> None:
    """A handshake, or after it a request, that never ends."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as sock:
        try:
            if context:
                sock = context.wrap_socket(sock, server_hostname=host)  # noqa: PLW2901
            begin = b"\x16\x03\x01\x40\x00" if context is None else b"GET /metrics HTTP/1.1\r\nX: "
            sock.sendall(begin)
            while not stop.wait(0.2):
                sock.sendall(b"\x01")
        except OSError:
            pass
        finally:
            sock.close()


@pytest.mark.parametrize("handshake", [False, True])
def test_as_many_slow_clients_as_can_wait_do_not_make_a_scrape_time_out(authority, serve, handshake):
    address, context = serve(*authority.sign("router")), client(authority)
    stop = threading.Event()
    slow = [
        threading.Thread(target=_drip, args=(address, stop, context if handshake else None))
        for _ in range(http.WAITING)
    ]
    try:
        for thread in slow:
            thread.start()
        begun = time.monotonic()
        assert "esimshaper_build_info" in scrape(address, context)
        assert time.monotonic() - begun < 10  # the scrape_timeout of Prometheus
    finally:
        stop.set()
        for thread in slow:
            thread.join()


def test_noise_instead_of_tls_leaves_nothing_behind(authority, serve, caplog):
    address = serve(*authority.sign("router"))
    host, port = address.split(":")
    for noise in (b"", b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\xff" * 5000) * 3:
        # It may be gone before all was said.
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=10) as sock:
            sock.sendall(noise)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    assert "esimshaper_build_info" in scrape(address, client(authority))
    assert not caplog.records


def test_a_client_that_breaks_off_in_the_middle_says_nothing_in_the_journal(authority, serve, caplog):
    address = serve(*authority.sign("router"))
    host, port = address.split(":")
    for _ in range(http.WORKERS + 1):
        sock = socket.create_connection((host, int(port)), timeout=10)
        secure = client(authority).wrap_socket(sock, server_hostname=host)
        secure.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        raw = socket.socket(fileno=secure.detach())
        raw.sendall(b"this is no TLS record at all, whatever one thinks of it")
        raw.close()
    assert "esimshaper_build_info" in scrape(address, client(authority))
    assert not caplog.records


def fault(*files) -> tuple[str, str]:
    with pytest.raises(UnusableFileError) as caught:
        Certificates(*map(str, files)).check()
    assert len(caught.value.hint) > 20
    return caught.value.setting, caught.value.message


def test_what_is_wrong_with_files_is_said_of_the_right_one(authority, tmp_path):
    certificate, key = authority.sign("router")
    _, other = authority.sign("other")
    junk, pipe, absent = tmp_path / "junk", tmp_path / "pipe", tmp_path / "absent"
    junk.write_text("junk")
    os.mkfifo(pipe)
    assert fault(absent, key) == ("certificate", f"there is no {absent}")
    assert fault(certificate, absent) == ("key", f"there is no {absent}")
    assert fault(pipe, key) == ("certificate", f"{pipe} is no file of a certificate or key")
    assert fault(junk, key) == ("certificate", f"{junk} has no certificate")
    assert fault(certificate, junk) == ("key", f"{junk} has no usable private key")
    assert fault(certificate, other) == ("key", f"{other} does not belong to {certificate}")
    assert fault(certificate, key, junk) == ("client_ca", f"{junk} has no certificate")
    Certificates(str(certificate), str(key), str(authority.certificate)).check()
