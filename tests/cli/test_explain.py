# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper explain` by its real command line, as anybody and as root."""

import json
import subprocess
import sys
from pathlib import Path

from tests.hellos import CLIENT, SERVER, hello, ipv4, pcap, records, tcp

NAME = "www.youtube.com"


def explain(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "esimshaper", "explain", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


def capture(folder: Path) -> Path:
    file = folder / "phone.pcap"
    packets = [ipv4(CLIENT, SERVER, 6, tcp((50_000, 443), 1, records(hello(NAME)))), b"\x99 malformed"]
    file.write_bytes(pcap(packets))
    return file


def test_json_has_the_keys_that_are_fixed(tmp_path: Path) -> None:
    done = explain("--json", capture(tmp_path))
    document = json.loads(done.stdout)
    assert (done.returncode, document["version"]) == (0, 1)
    (flow,) = document["flows"]
    size = 40 + len(records(hello(NAME)))
    assert flow == {
        "protocol": "tcp",
        "client": CLIENT,
        "client_port": 50000,
        "remote": SERVER,
        "remote_port": 443,
        "down_bytes": 0,
        "up_bytes": size,
        "name": NAME,
        "how": "sni",
        "service": "youtube",
        "category": "video",
    }


def test_table_has_service_name_and_bytes(tmp_path: Path) -> None:
    done = explain(capture(tmp_path))
    assert done.returncode == 0
    assert done.stdout.splitlines()[2].split()[:2] == ["youtube", "video"]
    assert NAME in done.stdout


def test_what_is_no_capture_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no capture at all")
    for word, said in (("text", "begins neither as pcap nor as pcapng"), ("missing", "No such file")):
        done = explain(tmp_path / word)
        assert done.returncode == 1
        assert f"{tmp_path / word}: " in done.stderr
        assert said in done.stderr
