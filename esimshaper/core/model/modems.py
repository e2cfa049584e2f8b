# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of modems and their SIMs, as ModemManager tells of them. Pure: values only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

ICCID_LENGTHS = range(18, 21)
"""ITU-T E.118 has up to 19 digits with the check digit; GSM cards use 18 to 20."""

_FILLERS = re.compile(r"[\s.\-]|[Ff]+\s*$")
"""How people and modems group the digits of an ICCID, and fill up the last byte of 20 half-bytes."""


class Registration(Enum):
    """Where a modem is registered. UNKNOWN may be any of the others, so it counts in every meter of a plan."""

    HOME = "home"
    ROAMING = "roaming"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ModemBytes:
    """IP bytes by the modem's own count, of all its connections since it was found: a second witness of ours."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Modem:
    """A modem and the SIM, or the profile of an eSIM, that is active in it. A text is empty where nothing is known.

    iccid: of the SIM, in the one form of `iccid_of`. imsi: the subscriber's number; the SIM's only name where a modem
    cannot read the ICCID. interface: of its connection, else its network port; connected: bytes may pass there now.
    connects: how often it has connected since its SIM was seen first by the process that watches it.
    state: ModemManager's word. bytes: None where the modem does not count. utc_offset: minutes, of the network's clock.
    """

    iccid: str = ""
    imsi: str = ""
    interface: str = ""
    registration: Registration = Registration.UNKNOWN
    operator_code: str = ""
    operator: str = ""
    connected: bool = False
    connects: int = 0
    bytes: ModemBytes | None = None
    utc_offset: int | None = None
    state: str = ""

    @property
    def sim(self) -> str:
        """What the SIM is told from others by: its ICCID, else `imsi:` and the number; empty while neither is known."""
        return self.iccid or (f"imsi:{self.imsi}" if self.imsi else "")

    @property
    def sim_end(self) -> str:
        """As much of it as may stand in a journal or on a screen."""
        return self.sim[-4:]


@dataclass(frozen=True, slots=True)
class ModemsReport:
    """What the process that watches modems knows. manager: ModemManager is there. problem: why nothing is known, as a
    sentence for people; empty where something is. metered: interfaces of which NetworkManager thinks so, or not so.
    """

    modems: tuple[Modem, ...] = ()
    manager: bool = False
    problem: str = ""
    metered: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnCount:
    """Bytes at a modem by its own count, and by ours, between the same moments; since: the first, in Unix seconds."""

    since: int
    modem: int
    router: int


def iccid_of(written: str) -> str:
    """The digits of an ICCID without fillers, spaces and hyphens; empty if it cannot be one (ITU-T E.118).

    ICCIDs are compared as texts in this form, by `is_same_iccid`.
    """
    digits = bare(written)
    is_one = digits.isascii() and digits.isdigit() and len(digits) in ICCID_LENGTHS and digits.startswith("89")
    return digits if is_one else ""


def iccid_in_pairs(written: str) -> str:
    """The ICCID whose digits are swapped in pairs, as they are on the card (3GPP TS 31.102); empty if it is not one."""
    digits = re.sub(r"[\s.\-]", "", written)
    return iccid_of("".join(digits[at : at + 2][::-1] for at in range(0, len(digits), 2)))


def is_same_iccid(one: str, other: str) -> bool:
    """Whether two ICCIDs in the form of `iccid_of` are of one SIM: one of them may lack the check digit."""
    short, long = sorted((one, other), key=len)
    return bool(short) and (short == long or (short == long[:-1] and long[-1] == _check_digit(short)))


def _check_digit(digits: str) -> str:
    """The digit that follows `digits` by Luhn's formula (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(sum(divmod(number, 10)) for number in doubled) % 10)


def bare(written: str) -> str:
    """`written` without what people and modems add to digits."""
    return _FILLERS.sub("", written)
