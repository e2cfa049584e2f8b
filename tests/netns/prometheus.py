# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Prometheus in a host of a lab, with a configuration of contrib/prometheus that a test has made its own."""

import json
import signal
import struct
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from esimshaper.lab.namespaces import Host, wait_until
from tests import tools

if TYPE_CHECKING:
    from subprocess import Popen

FOLDER = tools.ROOT / "contrib" / "prometheus"
PORT = 9090


def example(name: str) -> dict[str, Any]:
    """A configuration of contrib/prometheus, which finds the rules here and not where they will be installed."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    if "rule_files" in config:
        config["rule_files"] = [str(FOLDER / "esimshaper.rules.yml")]
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    if "remote_write" not in config:
        config["global"]["evaluation_interval"] = "1s"
    return config


class Prometheus:
    """Owns the process. `address` is where it listens in `host`; `place` a folder of its own."""

    def __init__(self, host: Host, address: str, place: Path, config: dict[str, Any], *flags: str) -> None:
        place.mkdir()
        self.host = host
        self.url = f"http://{address}:{PORT}"
        self.log = place / "log"
        (place / "config.yml").write_text(yaml.dump(config))
        listen = f"--web.listen-address={address}:{PORT}"
        self._command = [tools.find("prometheus"), f"--config.file={place}/config.yml", listen, *flags]
        if not any("storage" in flag for flag in flags):
            self._command.append(f"--storage.tsdb.path={place}/data")
        self.process: Popen[bytes] | None = None

    def start(self) -> "Prometheus":
        with self.log.open("ab") as log:
            self.process = self.host.popen(self._command, stdout=log, stderr=log)
        wait_until("Prometheus", self._is_ready, timeout=30)
        return self

    def _is_ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("/-/ready").startswith(b"Prometheus")
        except OSError:
            return False

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(300)

    def ask(self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """The body of an answer; from inside the host. Raises OSError with what is said."""

        def fetch() -> bytes:
            request = urllib.request.Request(self.url + path, data, headers or {})  # noqa: S310 - ours
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    raise OSError(f"{path}: {error.code} {error.read().decode()}") from None

        return self.host.call(fetch)

    def api(self, path: str, **params: str) -> Any:
        """`data` of an answer of /api/v1."""
        body = json.loads(self.ask(f"/api/v1/{path}?{urllib.parse.urlencode(params)}"))
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of now: each has `metric`, and `value` or `values`."""
        found: list[dict[str, Any]] = self.api("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float | None:
        """The only sample of now; None if there is none."""
        found = self.query(expression)
        assert len(found) < 2, found
        return float(found[0]["value"][1]) if found else None


def write_request(labels: dict[str, str], value: float, milliseconds: int) -> bytes:
    """One sample as remote write has it: protobuf (prompb.WriteRequest) in a snappy block with a single literal."""
    pairs = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in sorted(labels.items())
    )
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(milliseconds)
    message = _field(1, pairs + _field(2, sample))
    assert len(message) <= 256
    return _varint(len(message)) + bytes([60 << 2, len(message) - 1]) + message


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])
