# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of `doctor` on what works against names that DNS refuses, and against hints to devices. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtherResolver:
    """A line of dnsmasq's configuration by which DHCP sends devices to another resolver."""

    file: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolverFacts:
    """dnsmasq: its version, empty where there is none. tagged: files of dhcp-hostsfile with `set:` in them.

    mute: interfaces that hostapd has, and that cannot be asked there. eager: configurations by which squid fetches all
    of a file of which somebody wanted a part. step: why esimshaper-resolver has failed, empty if it has not.
    """

    dnsmasq: str = ""
    tagged: tuple[str, ...] = ()
    others: tuple[OtherResolver, ...] = ()
    mute: tuple[str, ...] = ()
    eager: tuple[str, ...] = ()
    step: str = ""
