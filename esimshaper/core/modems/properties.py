# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties of ModemManager's objects -> a Modem. Pure.

Names and numbers are those of ModemManager 1.20 to 1.24: org.freedesktop.ModemManager1.*.xml, ModemManager-enums.h.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from esimshaper.core.model.modems import Modem, ModemBytes, Registration, iccid_in_pairs, iccid_of

NAME = "org.freedesktop.ModemManager1"
MODEM, MODEM_3GPP, MODEM_TIME = f"{NAME}.Modem", f"{NAME}.Modem.Modem3gpp", f"{NAME}.Modem.Time"
SIM, BEARER = f"{NAME}.Sim", f"{NAME}.Bearer"

MOST_CHARACTERS = 64
"""Of a name that comes from the air. That of an operator has up to 16 or 24 characters (3GPP TS 27.007, COPS)."""

MOST_INTERFACE = 15  # IFNAMSIZ - 1

NETWORK_PORT = 2
"""MM_MODEM_PORT_TYPE_NET"""

_STATES = (
    *("failed", "unknown", "initializing", "locked", "disabled", "disabling", "enabling", "enabled", "searching"),
    *("registered", "disconnecting", "connecting", "connected"),
)
"""MMModemState from -1 on."""

_REGISTRATIONS = {
    **dict.fromkeys((1, 6, 9), Registration.HOME),
    **dict.fromkeys((5, 7, 10), Registration.ROAMING),
    **dict.fromkeys((0, 2, 3, 8, 11), Registration.NONE),  # 8, 11: for emergencies only
}
"""MMModem3gppRegistrationState; 6, 7: for SMS only; 9, 10: without calls by an older network."""

Properties = Mapping[str, Any]
"""Of one interface of an object, with whatever types the peer has chosen."""


def modem_of(interfaces: Mapping[str, Properties], sim: Properties, bearers: Iterable[Properties]) -> Modem:
    """The modem of an object of ModemManager, given the properties of its SIM and of its connections (bearers).

    What is missing, or of another type than the interface says, is unknown.
    """
    modem, network, clock = (interfaces.get(name, {}) for name in (MODEM, MODEM_3GPP, MODEM_TIME))
    bearers = tuple(bearers)
    up = next((each for each in bearers if each.get("Connected") is True), {})
    state = _number(modem.get("State"), -1)
    return Modem(
        iccid=_iccid(_text(sim.get("SimIdentifier"))),
        imsi=_digits(sim.get("Imsi")),
        interface=interface_of(up.get("Interface")) or _network_port(modem.get("Ports")),
        registration=_REGISTRATIONS.get(_number(network.get("RegistrationState"), -1), Registration.UNKNOWN),
        operator_code=_digits(network.get("OperatorCode")),
        operator=_text(network.get("OperatorName")),
        connected=bool(up),
        bytes=_bytes(each.get("Stats") for each in bearers),
        utc_offset=_utc_offset(clock.get("NetworkTimezone")),
        state=_STATES[state + 1] if -1 <= state < len(_STATES) - 1 else "unknown",
    )


def _text(value: object) -> str:
    """A text that may stand on a terminal and in a journal, whoever wrote it."""
    text = unicodedata.normalize("NFC", value[: MOST_CHARACTERS * 4]) if isinstance(value, str) else ""
    return "".join(each for each in text if each.isprintable())[:MOST_CHARACTERS].strip()


def _digits(value: object) -> str:
    text = _text(value)
    return text if text.isascii() and text.isdigit() and len(text) <= MOST_INTERFACE else ""  # IMSI: 15 at most


def _iccid(text: str) -> str:
    return iccid_of(text) or iccid_in_pairs(text)


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def interface_of(value: object) -> str:
    """The name of an interface; empty for what cannot be one."""
    text = _text(value)
    return text if len(text) <= MOST_INTERFACE and not {*text} & {*"/ \t"} else ""


def _network_port(ports: object) -> str:
    """The interface that the modem has even while it is not connected; empty where it has several, or none yet."""
    pairs = [each for each in ports if isinstance(each, tuple) and len(each) == 2] if isinstance(ports, list) else []
    found = [name for port, kind in pairs if kind == NETWORK_PORT and (name := interface_of(port))]
    return found[0] if len(found) == 1 else ""


def _bytes(stats: Iterable[object]) -> ModemBytes | None:
    """The sum of all connections; None where the modem counts nothing."""
    known = [each for each in stats if isinstance(each, dict)]
    received, sent = (sum(max(0, _number(each.get(name), 0)) for each in known) for name in _TOTALS)
    return ModemBytes(received, sent) if received or sent else None


_TOTALS = ("total-rx-bytes", "total-tx-bytes")


def _utc_offset(zone: object) -> int | None:
    """Minutes east of Greenwich, with those of daylight saving."""
    if not isinstance(zone, dict) or not isinstance(zone.get("offset"), int):
        return None
    minutes: int = zone["offset"]
    return minutes if abs(minutes) <= 16 * 60 else None
