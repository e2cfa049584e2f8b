# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of the lab's internet that have names, as at home: DNS by the router's dnsmasq, and TLS.

In: names, and the number of the server that each is. Out: options for dnsmasq, and a certificate. `resolve` asks as the
stub resolver of a device does.
"""

import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

DNS_PORT = 53
ANSWER_SECONDS = 3.0
A, AAAA, INTERNET = 1, 28, 1
HEADER = struct.Struct("!6H")
"""Number, flags, and how many questions, answers, authorities and other records follow (RFC 1035 section 4.1.1)."""
RECORD = struct.Struct("!2HIH")
"""Type, class, time to live, and length of the data (section 4.1.3)."""
RECURSION_DESIRED = 0x0100
POINTER = 0xC0
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
"""Options of openssl."""


def dns_options(names: Mapping[str, int], servers4: Sequence[str], servers6: Sequence[str]) -> list[str]:
    """Options by which dnsmasq answers for the names, and for no others."""
    if not names:
        return ["--port=0"]
    hosts = [f"--host-record={name},{servers4[at]},{servers6[at]}" for name, at in names.items()]
    return [f"--port={DNS_PORT}", *hosts]


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate that nobody has signed, and its key. Raises CalledProcessError."""
    certificate, key = directory / "site.crt", directory / "site.key"
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=lab", *files]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return certificate, key


def resolve(name: str, resolver: str, *, ipv6: bool = False) -> str:
    """The address of `name`, asked of `resolver` by UDP. Raises OSError if there is none, or no answer."""
    kind = AAAA if ipv6 else A
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = HEADER.pack(1, RECURSION_DESIRED, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, INTERNET)
    with socket.socket(socket.AF_INET6 if ":" in resolver else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(ANSWER_SECONDS)
        sock.connect((resolver, DNS_PORT))
        sock.send(question)
        answer = sock.recv(4096)
    found = _addresses(answer, len(question), kind)
    if not found:
        raise OSError(f"{name} has no address")
    return found[0]


def _addresses(answer: bytes, at: int, kind: int) -> list[str]:
    """Those of the answer's records, which begin at `at`; each name in them is a pointer, as dnsmasq writes it."""
    found = []
    for _ in range(HEADER.unpack_from(answer)[3]):
        if answer[at] < POINTER:
            break
        of, _, _, length = RECORD.unpack_from(answer, at + 2)
        at += 2 + RECORD.size
        if of == kind:
            found.append(str(ip_address(answer[at : at + length])))
        at += length
    return found
