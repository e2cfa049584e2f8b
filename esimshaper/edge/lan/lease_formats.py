# SPDX-License-Identifier: GPL-2.0-or-later
"""The formats of lease files: text goes in, Leases come out. Pure; a format is recognised by content, never by path.

Each field is untrusted: a device chooses its host name and its client id. A line that makes no sense is left out, as
no byte depends on it, only a name. Leases without a MAC (most of DHCPv6) are left out too: the neighbour table knows
these addresses.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from esimshaper.core.model.identity import Lease

MAX_LINE = 4096
"""Characters of the longest line that is looked at."""

_ETHERNET = re.compile("([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")


class LeaseFormat(NamedTuple):
    """A format. `name` is for people, `fits` looks for the marks of the format in a text, `leases` reads the text."""

    name: str
    fits: Callable[[str], bool]
    leases: Callable[[str], Iterable[Lease]]


def recognise(text: str) -> LeaseFormat | None:
    """The format of a file's text; None if it has none of FORMATS, as an empty text has."""
    return next((each for each in FORMATS if each.fits(text)), None)


def _lease(mac: str, address: str, hostname: str, seconds: int | None) -> Lease | None:
    """A lease of one Ethernet device that ends at the Unix time `seconds` (None: never); None for nonsense."""
    if not _ETHERNET.fullmatch(mac):
        return None
    try:
        place = str(ipaddress.ip_address(address))
        expires = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return Lease(mac.lower(), place, hostname, expires)


def _number(text: str) -> int | None:
    """A decimal number of at most 18 digits; None for any other text."""
    return int(text) if re.fullmatch("-?[0-9]{1,18}", text, re.ASCII) else None


def _lines(text: str) -> Iterator[str]:
    return (line.removesuffix("\r") for line in text.split("\n") if len(line) <= MAX_LINE)


def _is_networkd(text: str) -> bool:
    return text.lstrip().startswith("{") and ('"Leases"' in text or '"BootID"' in text)


def _finder(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: compiled.search(text) is not None


# --- dnsmasq, also NetworkManager's: lease_write() in src/lease.c
#
#     1764000000 02:00:00:00:00:10 192.168.8.20 alice-phone 01:02:00:00:00:00:10      0: never ends; *: no name
#     1764000000 06-aa:bb:cc:dd:ee:ff:00:11 192.168.8.22 firewire *                    hardware that is not Ethernet
#     duid 00:01:00:01:...                                                             the rest is DHCPv6
#     1764000000 17 2001:db8::20 alice-phone 00:01:...


def _dnsmasq(text: str) -> Iterator[Lease]:
    complete, _, last = text.rpartition("\n")
    # What stands behind the last line end may be a line that dnsmasq is just writing, with half of the name. Where a
    # field begins behind the name, the name is whole.
    for line in _lines(text if last.count(" ") >= 4 else complete):
        fields = line.split(" ")
        if fields[0] == "duid":
            return
        if len(fields) < 4 or (seconds := _number(fields[0])) is None:
            continue
        if lease := _lease(fields[1], fields[2], fields[3], seconds or None):
            yield lease


# --- Kea's memfile: a header with the names of the columns, then a journal in which the last line of an address counts
#
#     address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
#     192.168.8.20,02:00:00:00:00:10,01:02:00:00:00:00:10,3600,1764000000,1,0,0,alice-phone,0,,0

_KEA_ENDLESS = 0xFFFFFFFF
_KEA_STATE_IN_USE = "0"
_KEA_COLUMNS = frozenset({"address", "hwaddr", "valid_lifetime", "expire", "hostname", "state"})
_KEA_COMMA = "&#x2c"  # how CSVRow writes a comma inside of a value


def _kea(text: str) -> Iterable[Lease]:
    found: dict[str, Lease] = {}
    columns: list[str] = []
    for line in _lines(text):
        values = line.split(",")
        if not columns or line.startswith("address,"):  # journals that somebody joined have a header each
            columns = values
        elif set(columns) >= _KEA_COLUMNS and len(values) >= len(columns):  # not a line that is just being written
            row = dict(zip(columns, values, strict=False))
            lease = _kea_lease(row)
            found.pop(row["address"], None)
            if lease:
                found[row["address"]] = lease
    return found.values()


def _kea_lease(row: Mapping[str, str]) -> Lease | None:
    lifetime, expire = _number(row["valid_lifetime"]), _number(row["expire"])
    prefix = row.get("prefix_len", "128")
    if row["state"] != _KEA_STATE_IN_USE or not lifetime or expire is None or prefix != "128":
        return None
    name = row["hostname"].replace(_KEA_COMMA, ",")
    # Kea saves the whole domain name, with the dot at its end, where it looks after DNS.
    name = name.partition(".")[0] if name.endswith(".") else name
    return _lease(row["hwaddr"], row["address"], name, None if lifetime == _KEA_ENDLESS else expire)


# --- ISC dhcpd: dhcpd.leases(5), a journal in which the last block of an address counts
#
#     lease 192.168.8.20 {
#       ends 2 2025/11/25 16:00:00;           or: ends never;    or: ends epoch 1764000000; # Mon Nov 24 ...
#       binding state active;
#       hardware ethernet 02:00:00:00:00:10;
#       client-hostname "alice-phone";        bytes beyond ASCII as \303
#     }

# A string without its end goes to the end of the line, so that no text is gone through twice.
_ISC_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\\n]|\\.)*"?|[{};]|[^\s{};"#]+')
_ISC_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)


def _isc(text: str) -> Iterable[Lease]:
    found: dict[str, Lease] = {}
    for address, facts in _isc_blocks(text):
        found.pop(address, None)
        if lease := _isc_lease(address, facts):
            found[address] = lease
    return found.values()


def _isc_blocks(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Address and statements of each complete block `lease`: by all words but the last, the last one."""
    address, facts, words, depth = "", dict[str, str](), list[str](), 0
    for sign in (match[0] for match in _ISC_TOKEN.finditer(text)):
        if sign.startswith("#"):
            continue
        if sign not in ("{", "}", ";"):
            words.append(sign)
            continue
        if sign == "{":
            depth += 1
            if depth == 1:
                address, facts = (words[1] if len(words) == 2 and words[0] == "lease" else ""), {}
        elif sign == "}":
            if depth == 1 and address:
                yield address, facts
            depth = max(0, depth - 1)
        elif depth == 1 and words:
            facts.update(_isc_statement(words))
        words = []


def _isc_statement(words: Sequence[str]) -> Mapping[str, str]:
    if words[0] == "ends":
        return {"ends": " ".join(words[1:])}
    return {" ".join(words[:-1]): words[-1]}


def _isc_lease(address: str, facts: Mapping[str, str]) -> Lease | None:
    ends = _isc_moment(facts.get("ends", "never"))
    if facts.get("binding state", "active") != "active" or ends is None:
        return None
    return _lease(facts.get("hardware ethernet", ""), address, _isc_string(facts.get("client-hostname", "")), *ends)


def _isc_moment(words: str) -> tuple[int | None] | None:
    """The moment of `ends` in a tuple, which holds None for `never`; None for nonsense."""
    if words == "never":
        return (None,)
    kind, _, rest = words.partition(" ")
    if kind == "epoch":
        seconds = _number(rest)
        return None if seconds is None else (seconds,)
    try:
        return (int(datetime.strptime(f"{rest} +0000", "%Y/%m/%d %H:%M:%S %z").timestamp()),)
    except ValueError:
        return None


def _isc_string(token: str) -> str:
    def byte(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1], 8)]) if len(match[1]) == 3 else match[1]

    inner = token.removeprefix('"').removesuffix('"')
    return _ISC_ESCAPE.sub(byte, inner.encode(errors="replace")).decode(errors="replace")


# --- systemd-networkd 256 and later: dhcp_server_save_leases() in src/libsystemd-network/sd-dhcp-server-lease.c
#
#     {"BootID": ..., "Leases": [{"ClientId": [1, 2, 0, 0, 0, 0, 16], "Address": [192, 168, 8, 20],
#      "Hostname": "alice-phone", "HardwareAddress": [2, 0, 0, 0, 0, 16], "ExpirationRealtimeUSec": 1764000000000000}]}

_ENDLESS_USEC = (1 << 64) - 1


def _networkd(text: str) -> Iterator[Lease]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    entries = document.get("Leases") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (lease := _networkd_lease(entry)):
            yield lease


def _networkd_lease(entry: Mapping[str, Any]) -> Lease | None:
    client, address = _octets(entry.get("ClientId")), _octets(entry.get("Address"))
    hardware = _octets(entry.get("HardwareAddress"))
    if not hardware and len(client) == 7 and client[0] == 1:  # RFC 2132, 9.14: type Ethernet, then the MAC
        hardware = client[1:]
    name, end = entry.get("Hostname"), entry.get("ExpirationRealtimeUSec", _ENDLESS_USEC)
    if not isinstance(end, int) or isinstance(end, bool) or len(address) != 4:
        return None
    seconds = None if end >= _ENDLESS_USEC else end // 1_000_000
    mac = ":".join(f"{octet:02x}" for octet in hardware)
    return _lease(mac, ".".join(map(str, address)), name if isinstance(name, str) else "", seconds)


def _octets(value: object) -> list[int]:
    """A list of numbers of a byte each; an empty one for any other value."""
    if not isinstance(value, list):
        return []
    fits = all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= 255 for each in value)
    return value if fits else []


# --- odhcpd: statefiles_write_state4() in src/statefiles.c, formerly dhcpv6_ia_write_statefile()
#
#     # br-lan 020000000010 ipv4 alice-phone 1764000000 8 32 192.168.8.20/32       -1: never ends; -: no name
#     # br-lan 00010001... 1a2b3c alice-phone 1764000000 12 128 2001:db8::20/128   no MAC
#     192.168.8.20	alice-phone.lan	alice-phone

_ODHCPD_LINE = re.compile(
    r"# \S+ ([0-9A-Fa-f]{12}|(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}) ipv4 (.*?) (-?[0-9]{1,18}) "
    r"(?:[0-9A-Fa-f]+ [0-9]+ )?([0-9.]+)(?:/[0-9]+)?(?: .*)?"
)
_ODHCPD_BROKEN = "broken\\x20"  # how odhcpd begins a name that DNS cannot have


def _odhcpd(text: str) -> Iterator[Lease]:
    for line in _lines(text):
        match = _ODHCPD_LINE.fullmatch(line)
        if match is None or (seconds := _number(match[3])) is None or not seconds:  # 0: it has ended
            continue
        digits = match[1].replace(":", "")
        mac = ":".join(digits[place : place + 2] for place in range(0, 12, 2))
        name = match[2].removeprefix(_ODHCPD_BROKEN)
        if lease := _lease(mac, match[4], "" if name == "-" else name, None if seconds < 0 else seconds):
            yield lease


FORMATS = (
    LeaseFormat("systemd-networkd", _is_networkd, _networkd),
    LeaseFormat("Kea", _finder(r"\Aaddress,.*\bvalid_lifetime,"), _kea),
    LeaseFormat(
        "ISC dhcpd", _finder(r'^[ \t]*(lease \S+ \{|ia-(na|ta|pd) "|server-duid "|authoring-byte-order )'), _isc
    ),
    LeaseFormat("odhcpd", _finder(r"^# \S+ [0-9A-Fa-f:]{12,} (ipv4|[0-9A-Fa-f]{1,8}) .*[0-9] "), _odhcpd),
    LeaseFormat("dnsmasq", _finder(r"^(-?[0-9]+ [0-9A-Fa-f]{2}[:-]\S+ \S+ |duid [0-9A-Fa-f:]+)"), _dnsmasq),
)
"""In the order in which they are tried: the marks of the last one are the weakest."""
