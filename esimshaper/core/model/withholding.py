# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of names that DNS refuses, and of what devices are told of the link. Pure: values only.

A name stands for itself and for all that are below it, as dnsmasq takes it. What is withheld resolves to nothing, so
that no byte of it crosses the uplink.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from esimshaper.core.model.measure import NEVER
from esimshaper.core.model.saver import Pace

MOST_NAMES = 500_000
"""Of all block lists together: some 45 MiB in dnsmasq."""

MOST_PERCENT = 40
"""Of all answers. Of a page with many third parties some are refused: beyond this a list takes what people need."""

MOST_ALLOWED = 64
"""Names that are allowed by hand at a time."""


class Metered(StrEnum):
    """Whether devices are told that the link is metered; AUTO: while the uplink in use is."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


CANARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "firefox": ("use-application-dns.net",),  # Mozilla: without it Firefox leaves DNS to the router
        "relay": ("mask.icloud.com", "mask-h2.icloud.com"),  # Apple: without them iCloud Private Relay rests here
        "discovery": ("resolver.arpa",),  # RFC 9462: without it nobody learns of an encrypted way to the same resolver
    }
)
"""Names that programs ask for before they pass by the router's DNS."""


@dataclass(frozen=True, slots=True)
class SaverSettings:
    """What saves data beyond limits. block_names: files of names that DNS refuses; allow_names: never these.

    canaries: keys of CANARIES. files: the folder that dnsmasq's files are put into, empty for none. portal: the URL by
    which phones find the page (RFC 8910), empty where it has no certificate of a name. paces: the first
    one that fits a client and a service counts.
    """

    block_names: tuple[str, ...] = ()
    allow_names: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    metered: Metered = Metered.OFF
    files: str = ""
    portal: str = ""
    paces: tuple[Pace, ...] = ()
    measure: Fraction = NEVER

    @property
    def is_idle(self) -> bool:
        """Nothing is to be told to dnsmasq or hostapd."""
        return not self.files and self.metered is Metered.OFF


NOTHING_SAVED = SaverSettings()


class AllowedName(NamedTuple):
    """A name that DNS answers for, whatever lists say, to that moment (Unix seconds)."""

    name: str
    until: int


class BadLine(NamedTuple):
    """A line of a block list that cannot be taken, and why."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What dnsmasq was given last: so many `names` of the lists, and of `services`.

    problems: why the lists as they are now could not be taken, so that those of before hold; the first ones.
    allowed: by hand, and not over yet. metered: devices are told so. is_wanted: the settings have dnsmasq. percent: of
    the answers of the last hour, those that refused a name; refused: their number. None while nobody can say.
    """

    names: int = 0
    services: tuple[str, ...] = ()
    problems: tuple[BadLine, ...] = ()
    metered: bool = False
    allowed: tuple[AllowedName, ...] = ()
    is_wanted: bool = False
    percent: int | None = None
    refused: int | None = None


NOTHING_WITHHELD = Withheld()
