# SPDX-License-Identifier: GPL-2.0-or-later
"""Real programs of people are named as they speak today: Chromium over QUIC and TLS, curl."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.lab import Lab
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.sites import make_certificate
from tests.netns.namer import Namer, rows
from tests.netns.router import Router, bytes_of
from tests.tools import ROOT, find

SITE, CLIENT, PAGE_BYTES = "198.51.100.200", "alice-phone", 300_000
SILENT = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
"""Chromium would call home."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(servers=2) as built:
        built.internet.ip(f"addr add {SITE}/32 dev lo")
        yield built


@pytest.fixture(scope="module")
def key(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The hash by which Chromium knows the key of a site that serves."""
    certificate, private_key = make_certificate(tmp_path_factory.mktemp("site"))
    command = [find(f"{ROOT}/.venv/quic/bin/python"), "-m", "tests.netns.web_site", certificate, private_key, SITE]
    environment = python_environment()
    with lab.internet.popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE) as site:
        assert site.stdout is not None
        assert site.stdout.readline() == b"ready\n"
        yield hash_of_key(certificate)
        site.kill()


def hash_of_key(certificate: Path) -> str:
    """As `--ignore-certificate-errors-spki-list` wants it."""
    der = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True, text=True
    ).stdout
    body = "".join(der.splitlines()[1:-1])
    return base64.b64encode(hashlib.sha256(base64.b64decode(body)).digest()).decode()


def browse(lab: Lab, place: Path, key: str, host: str, *options: str) -> str:
    """The page that Chromium shows of a host."""
    command = [
        find("chromium"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        *SILENT,
        f"--user-data-dir={place}",
    ]
    command += [f"--ignore-certificate-errors-spki-list={key}", f"--host-resolver-rules=MAP * {SITE}", *options]
    return lab.client(CLIENT).run([*command, "--dump-dom", f"https://{host}/"], timeout=120)


def fetch(lab: Lab, host: str) -> str:
    """The page that curl gets of a host."""
    command = ["curl", "-sk", "--resolve", f"{host}:443:{SITE}", f"https://{host}/"]
    return lab.client(CLIENT).run(command, timeout=60)


def test_pages_are_named_as_browsers_ask_for_them(
    lab: Lab, router: Router, namer: Namer, key: str, tmp_path: Path
) -> None:
    before = router.measure()
    video, film, photo = "r3.googlevideo.com", "www.netflix.com", "www.icloud.com"
    assert "<title>here" in browse(lab, tmp_path / "1", key, video, f"--origin-to-force-quic-on={video}:443")
    assert "<title>here" in browse(lab, tmp_path / "2", key, film, "--disable-quic")
    assert "<title>here" in fetch(lab, photo)
    router.settle()
    expected = {"youtube", "netflix", "icloud"}
    wait_until("their names", lambda: expected <= rows(router, CLIENT).keys(), timeout=10)
    found = rows(router, CLIENT)
    assert all(found[service].down_bytes > PAGE_BYTES for service in expected)
    flows = router.json("flows", CLIENT, "--limit", "1000")["flows"]
    assert {(flow["name"], flow["how"]) for flow in flows if flow["down_bytes"] > PAGE_BYTES} >= {
        (video, "quic"),
        (film, "sni"),
        (photo, "sni"),
    }
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    unnamed = found.get("unnamed")
    assert not unnamed or unnamed.down_bytes + unnamed.up_bytes < len(expected) * PAGE_BYTES // 50
