# SPDX-License-Identifier: GPL-2.0-or-later
"""`wan.unbilled` -> networks that end in the modem: its own page, DHCP, neighbours, mDNS. Pure."""

import ipaddress

from esimshaper.core.settings.block import Block

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOCAL: dict[Network, int] = {
    ipaddress.ip_network("10.0.0.0/8"): 16,
    ipaddress.ip_network("172.16.0.0/12"): 16,
    ipaddress.ip_network("192.168.0.0/16"): 16,
    ipaddress.ip_network("100.64.0.0/10"): 24,  # the carrier's own hosts are there too
    ipaddress.ip_network("169.254.0.0/16"): 16,
    ipaddress.ip_network("224.0.0.0/24"): 24,
    ipaddress.ip_network("239.0.0.0/8"): 8,
    ipaddress.ip_network("255.255.255.255/32"): 32,
    ipaddress.ip_network("fe80::/10"): 10,
    ipaddress.ip_network("fc00::/7"): 48,
    ipaddress.ip_network("ff01::/16"): 16,
    ipaddress.ip_network("ff02::/16"): 16,
}
"""Ranges that may end in a modem, each with the shortest prefix that a network in it may have: RFC 1918, 3927, 4193,
4291, 5771, 6598, 2365."""

_PUBLIC = {4: 29, 6: 64}
"""The shortest prefix elsewhere, by IP version: a handful of addresses."""


def unbilled_from(wan: Block) -> tuple[str, ...]:
    """The networks, each once, in the order of the file."""
    hint = "Write the address of the modem's page, such as 192.168.8.1, or its network, such as 192.168.8.0/24."
    texts = enumerate(wan.get("unbilled", ()))
    found = (wan.parse_value(("unbilled", number), text, _network, hint) for number, text in texts if text is not None)
    return tuple(dict.fromkeys(filter(None, found)))


def _network(text: str) -> str:
    # Whatever stands here costs nobody anything, so a network that is too large would be a way past every limit.
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"`{text}` is no IP address and no network{_of_host(text)}") from None
    shortest = next((least for of, least in _LOCAL.items() if _is_in(network, of)), _PUBLIC[network.version])
    if network.prefixlen < shortest:
        raise ValueError(
            f"`{text}` has addresses that do not end in the modem: what goes there is billed, and would be neither "
            f"counted nor limited (here /{shortest} is the largest network)"
        )
    return str(network)


def _is_in(network: Network, of: Network) -> bool:
    return network.version == of.version and network.subnet_of(of)  # type: ignore[arg-type]


def _of_host(text: str) -> str:
    """A hint for an address with a length: 192.168.8.1/24."""
    try:
        return f"; {ipaddress.ip_network(text, strict=False)} is one"
    except ValueError:
        return ""
