# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: a connection to the system bus of D-Bus, by jeepney. Owns its socket.

Others may send us whatever they like (dbus-daemon lets signals to a unique name pass, from anybody). So a message is
kept only if it fits into MOST_BYTES, and taken apart only if it comes from the bus or from the owner of a name that we
watch. The bus sees to it that each message has the length that it says.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, Header, HeaderFields, Message, MessageFlag, MessageType, new_method_call
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus import get_bus
from jeepney.low_level import calc_msg_size

from esimshaper.edge.host import clock

BUS = "org.freedesktop.DBus"
PROPERTIES = f"{BUS}.Properties"
OBJECT_MANAGER = f"{BUS}.ObjectManager"

MOST_BYTES = 1_048_576
"""Of a message. All of ModemManager's objects with 10 modems are some 60 kB."""

MOST_SIGNALS = 256
"""So many signals wait to be looked at; whoever asks is told that there were more."""

CONNECT_SECONDS = 2.0
CALL_SECONDS = 5.0
_CHUNK = 65_536

_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AssertionError, struct.error, RecursionError)
"""What jeepney raises where bytes are no message."""


class BusError(Exception):
    """The bus cannot be used: it is not there, does not answer, or sends what nobody can read."""


class NotAnsweredError(Exception):
    """A peer on the bus does not answer."""


class RefusedError(Exception):
    """A peer answers with an error, for example as the object is gone."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of the bus or of a watched name; `sender` is that name."""

    sender: str
    path: str
    interface: str
    member: str
    body: tuple[Any, ...]


class Bus:
    """Connects when made. Raises BusError, as each of its methods may."""

    def __init__(self, address: str | None = None) -> None:
        self._buffer = bytearray()
        self._to_skip = 0  # bytes that are left of a message that is too long
        self._serial = 0
        self._owners: dict[str, str] = {}  # unique name of the owner -> name
        self._signals: deque[Signal] = deque(maxlen=MOST_SIGNALS)
        self._socket = _connected(address or os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "SYSTEM")
        try:
            (self.name,) = self.ask_bus("Hello")
        except NotAnsweredError as error:
            self.close()
            raise BusError(str(error)) from None

    def close(self) -> None:
        self._socket.close()

    def watch(self, name: str, *rules: Mapping[str, str]) -> None:
        """Asks to hear of the owner of `name`, and of the owner's signals that fit one of the `rules`."""
        self._match(sender=BUS, member="NameOwnerChanged", arg0=name)
        for rule in rules:
            self._match(sender=name, **rule)

    def find_owner(self, name: str) -> bool:
        """Whether a process has `name` now. From then on its signals are taken, and those of an earlier owner not."""
        self._owners = {owner: its for owner, its in self._owners.items() if its != name}
        try:
            (owner,) = self.ask_bus("GetNameOwner", "s", (name,))
        except RefusedError:
            return False
        self._owners[str(owner)] = name
        return True

    def ask_bus(self, member: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """What the bus itself answers. Raises NotAnsweredError or RefusedError."""
        return self.call(BUS, "/org/freedesktop/DBus", BUS, member, signature, body)

    def call(
        self,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str | None = None,
        body: tuple[Any, ...] = (),
        seconds: float = CALL_SECONDS,
    ) -> tuple[Any, ...]:
        """The answer of whoever has `name` now: nobody is started for it. Raises NotAnsweredError, RefusedError."""
        message = new_method_call(DBusAddress(path, name, interface), member, signature, body)
        message.header.flags = MessageFlag.no_auto_start
        self._serial += 1
        serial, deadline = self._serial, clock.monotonic() + seconds
        try:
            self._socket.settimeout(CALL_SECONDS)
            self._socket.sendall(message.serialise(serial=serial))
        except OSError as error:
            raise BusError(f"the bus takes nothing: {error}") from None
        while True:
            answer = self._next(deadline, serial)
            if answer is None:
                raise NotAnsweredError(f"{name} does not answer {member}")
            if answer.header.message_type is MessageType.error:
                raise RefusedError(str(answer.header.fields.get(HeaderFields.error_name)))
            return tuple(plain(answer.body))

    def signals(self, seconds: float) -> list[Signal]:
        """The signals that have come; waits so many seconds at most for one."""
        if not self._signals:
            self._next(clock.monotonic() + seconds, None)
        found = list(self._signals)
        self._signals.clear()
        return found

    def _match(self, **rule: str) -> None:
        text = ",".join(f"{key}='{value}'" for key, value in {"type": "signal", **rule}.items())
        try:
            self.ask_bus("AddMatch", "s", (text,))
        except (RefusedError, NotAnsweredError) as error:
            raise BusError(f"the bus lets nobody listen: {error}") from None

    def _next(self, deadline: float, serial: int | None) -> Message | None:
        """The answer to the call `serial`, or with None the first signal that counts; None when the time is over."""
        while (raw := self._raw(deadline)) is not None:
            try:
                header, _ = Header.from_buffer(raw)
                if not self._is_for_us(header, serial):
                    continue
                message = Message.from_buffer(raw)
            except _UNREADABLE:  # jeepney does not know all that the bus lets pass, nor does a later one all of it
                continue
            if header.message_type is not MessageType.signal:
                return message
            self._hear(message)
            if serial is None:
                return message
        return None

    def _is_for_us(self, header: Header, serial: int | None) -> bool:
        sender = header.fields.get(HeaderFields.sender, "")
        if header.message_type is MessageType.signal:
            return sender == BUS or sender in self._owners
        return serial is not None and header.fields.get(HeaderFields.reply_serial) == serial

    def _hear(self, message: Message) -> None:
        fields = message.header.fields
        sender, path, interface, member = (str(fields.get(key, "")) for key in _SIGNAL_FIELDS)
        self._signals.append(
            Signal(self._owners.get(sender, sender), path, interface, member, tuple(plain(message.body)))
        )

    def _raw(self, deadline: float) -> bytes | None:
        """The bytes of the next message; None when the time is over."""
        # Also a flood of complete messages comes to an end there.
        while (left := deadline - clock.monotonic()) > 0:
            size = self._size()
            if size is not None and len(self._buffer) >= size:
                raw = bytes(self._buffer[:size])
                del self._buffer[:size]
                return raw
            try:
                self._socket.settimeout(left)
                got = self._socket.recv(_CHUNK)
            except TimeoutError:
                return None
            except OSError as error:
                raise BusError(f"the bus is gone: {error}") from None
            if not got:
                raise BusError("the bus has closed the connection")
            self._buffer += got
        return None

    def _size(self) -> int | None:
        """Of the message that the buffer begins with; None while that is not known. One that is too long is dropped."""
        while True:
            dropped = min(self._to_skip, len(self._buffer))
            del self._buffer[:dropped]
            self._to_skip -= dropped
            if len(self._buffer) < 16:  # so long is what tells the size
                return None
            try:
                size = int(calc_msg_size(bytes(self._buffer[:16])))
            except _UNREADABLE as error:
                raise BusError(f"the bus sends what is no message: {error!r}") from None
            if size <= MOST_BYTES:
                return size
            self._to_skip = size


_SIGNAL_FIELDS = (HeaderFields.sender, HeaderFields.path, HeaderFields.interface, HeaderFields.member)


def _connected(address: str) -> socket.socket:
    """A socket that may be used to send messages. `address`: as in $DBUS_SYSTEM_BUS_ADDRESS, or SYSTEM."""
    found = socket.socket(socket.AF_UNIX)
    deadline = clock.monotonic() + CONNECT_SECONDS
    try:
        found.settimeout(CONNECT_SECONDS)
        found.connect(get_bus(address))
        authenticator = Authenticator()
        for line in authenticator:
            found.settimeout(max(deadline - clock.monotonic(), 0.01))
            found.sendall(line)
            authenticator.feed(found.recv(1024))
        found.sendall(BEGIN)
    except (OSError, RuntimeError, ValueError, StopIteration) as error:
        found.close()
        raise BusError(f"the system bus cannot be used: {error}") from None
    return found


def plain(value: Any) -> Any:  # noqa: ANN401 - any type that D-Bus has
    """A value without the signatures of its variants."""
    # jeepney gives a variant as (signature, value). It does the same with a struct, but no map that we read holds any.
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {key: _of_variant(each) for key, each in value.items()} if isinstance(value, dict) else value


def _of_variant(value: Any) -> Any:  # noqa: ANN401
    is_variant = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
    return plain(value[1] if is_variant else value)
