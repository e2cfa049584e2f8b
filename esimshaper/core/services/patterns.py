# SPDX-License-Identifier: GPL-2.0-or-later
"""The first payload of a conversation that names nobody -> what it is all the same. Pure.

These are protocols that say by their first bytes what they are; a port alone is believed only for what every network
has.
"""

from enum import Enum

from esimshaper.core.model.services import TCP, UDP

STUN_COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489 section 5
BITTORRENT = b"\x13BitTorrent protocol"
DISTRIBUTED_TABLE = (b"d1:ad2:id20:", b"d1:rd2:id20:")  # BEP 5
WIREGUARD_HELLO = 148  # bytes of the handshake's initiation
OPENVPN_RESETS = (0x38, 0x50)  # P_CONTROL_HARD_RESET_CLIENT_V2, V3
ESP, GRE, AH = 50, 47, 51
SYSTEM_PORTS = {UDP: {53, 67, 68, 123, 137, 138, 546, 547, 1900, 5353, 5355}, TCP: {53, 853}}
IPSEC_PORTS = {500, 4500}


class Pattern(Enum):
    """A kind of traffic, by the name of its service in the catalogue."""

    CALLS = "calls"
    SHARING = "p2p"
    HIDDEN = "hidden"
    SYSTEM = "system"


def pattern_of(protocol: int, port: int, payload: bytes) -> Pattern | None:
    """What a conversation is. port: the far end's, 0 without one. payload: the first that the client sent."""
    if protocol in (ESP, AH, GRE):
        return Pattern.HIDDEN
    if payload.startswith(BITTORRENT) or payload.startswith(DISTRIBUTED_TABLE):
        return Pattern.SHARING
    if protocol == UDP and (found := _pattern_of_datagram(port, payload)):
        return found
    if protocol == TCP and port == 1194 and len(payload) > 2 and payload[2] in OPENVPN_RESETS:
        return Pattern.HIDDEN
    return Pattern.SYSTEM if port in SYSTEM_PORTS.get(protocol, ()) else None


def _pattern_of_datagram(port: int, payload: bytes) -> Pattern | None:
    if payload[4:8] == STUN_COOKIE and payload[:1] < b"\x40":
        return Pattern.CALLS
    if len(payload) == WIREGUARD_HELLO and payload.startswith(b"\x01\0\0\0"):
        return Pattern.HIDDEN
    if port == 1194 and payload[:1] and payload[0] in OPENVPN_RESETS:
        return Pattern.HIDDEN
    return Pattern.HIDDEN if port in IPSEC_PORTS else None
