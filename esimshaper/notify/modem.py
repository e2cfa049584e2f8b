# SPDX-License-Identifier: GPL-2.0-or-later
"""ModemManager on D-Bus: which modem takes messages, and to send one. Names are those of ModemManager 1.20 to 1.24."""

from collections.abc import Iterator, Mapping
from typing import Any

from esimshaper.core.model.results import Result
from esimshaper.edge.modems.bus import OBJECT_MANAGER, Bus, BusError, NotAnsweredError, RefusedError
from esimshaper.notify.letter import Report, UndeliveredError

NAME, ROOT = "org.freedesktop.ModemManager1", "/org/freedesktop/ModemManager1"
MODEM, MESSAGING, SMS = f"{NAME}.Modem", f"{NAME}.Modem.Messaging", f"{NAME}.Sms"
USSD = f"{NAME}.Modem.Modem3gpp.Ussd"

REGISTERED = 8
"""MMModemState from which on a modem is in a network, also where it may carry SMS alone."""

SEND_SECONDS = 40.0
"""ModemManager answers `Send` once the network has taken the message."""

_NOT_BY_THIS_SIM = ("NotAllowed", "NotSupported", "SmscAddressUnknown", "Unsupported")
"""Last parts of errors that stay as they are: a SIM for data only has no centre for messages (MMMessageError)."""

Interfaces = Mapping[str, Mapping[str, Any]]


class Messenger:
    """A connection to ModemManager. Raises UndeliveredError when made, where there is none to use."""

    def __init__(self) -> None:
        try:
            self._bus = Bus()
        except BusError as error:
            raise UndeliveredError(Result.FAILED, str(error)) from None
        if not self._bus.find_owner(NAME):
            self.close()
            raise UndeliveredError(Result.FAILED, "ModemManager does not run")

    def close(self) -> None:
        self._bus.close()

    def modem(self) -> tuple[str, Interfaces]:
        """The path of the modem that sends: one that is in a network goes before others. Raises UndeliveredError."""
        found = [each for each in modems(self._bus) if MESSAGING in each[1]]
        if not found:
            why = "ModemManager has no modem that takes messages; its SIM may not be ready yet"
            raise UndeliveredError(Result.FAILED, why)
        return max(found, key=lambda each: (_state(each[1]) >= REGISTERED, each[0]))

    def send(self, modem: str, number: str, text: str, report: Report) -> None:
        """Sends one message, and takes it out of the modem. Raises UndeliveredError."""
        path = self._create(modem, number, text)
        report.hand_over()
        try:
            self._bus.call(NAME, path, SMS, "Send", seconds=SEND_SECONDS)
        except RefusedError as error:
            last = str(error).rpartition(".")[2]
            result = Result.IMPOSSIBLE if last in _NOT_BY_THIS_SIM else Result.FAILED
            raise UndeliveredError(result, f"the network, or the SIM, does not take it: {last}") from None
        except (NotAnsweredError, BusError) as error:
            raise UndeliveredError(Result.UNKNOWN, f"nobody says whether it was sent: {error}") from None
        finally:
            self._delete(modem, path)

    def _create(self, modem: str, number: str, text: str) -> str:
        content = {"number": ("s", number), "text": ("s", text)}
        try:
            (path,) = self._bus.call(NAME, modem, MESSAGING, "Create", "a{sv}", (content,))
        except RefusedError as error:
            last = str(error).rpartition(".")[2]
            if last in ("Unauthorized", "AccessDenied"):
                why = "polkit does not let esimshaper-notify send messages: esimshaper doctor"
                raise UndeliveredError(Result.IMPOSSIBLE, why) from None
            result = Result.REFUSED if last == "InvalidArgs" else Result.FAILED
            raise UndeliveredError(result, f"ModemManager does not take the message: {last}") from None
        except (NotAnsweredError, BusError) as error:
            raise UndeliveredError(Result.FAILED, str(error)) from None
        return str(path)

    def _delete(self, modem: str, path: str) -> None:
        """A SIM holds some ten messages, so what is left there would soon be too many."""
        try:
            self._bus.call(NAME, modem, MESSAGING, "Delete", "o", (path,))
        except (RefusedError, NotAnsweredError, BusError):
            return  # it is sent, or is not, all the same


def modems(bus: Bus) -> Iterator[tuple[str, Interfaces]]:
    """All modems, by path. Raises NotAnsweredError, RefusedError."""
    (objects,) = bus.call(NAME, ROOT, OBJECT_MANAGER, "GetManagedObjects")
    return ((str(path), interfaces) for path, interfaces in objects.items() if MODEM in interfaces)


def _state(interfaces: Interfaces) -> int:
    state = interfaces[MODEM].get("State")
    return state if isinstance(state, int) else 0
