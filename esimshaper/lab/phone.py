# SPDX-License-Identifier: GPL-2.0-or-later
"""A modem that sends and gets SMS (3GPP TS 23.040, 27.005) and answers USSD, in a thread of the test: its network."""

import contextlib
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from esimshaper.lab.at_modem import Modem
from esimshaper.lab.namespaces import wait_until

_MESSAGES = {
    "AT+CPMS=?": '+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")',
    "AT+CPMS": "+CPMS: 0,20,0,20,0,20",
    "AT+CMGF=?": "+CMGF: (0,1)",
    "AT+CNMI=?": "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",
    "AT+CUSD=?": "+CUSD: (0-2)",
    "AT+CSCS=?": '+CSCS: ("GSM","IRA","UCS2")',
    "AT+CSCS?": '+CSCS: "IRA"',
}
GSM = "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5"


@dataclass(frozen=True)
class Sent:
    """A message that the network took: one part, in 7 bit or in UCS-2."""

    number: str
    text: str
    coding: str


class Phone(Modem):
    """refuses: what AT+CMGS is answered with, after the message; None is silence. ussd: the answer to a code."""

    def __init__(self, name: str, iccid: str) -> None:
        super().__init__(iccid)
        self.sent: list[Sent] = []
        self.commands: list[str] = []
        self.stored: dict[int, str] = {}
        self.refuses: str | None = ""
        self.ussd, self._place = "", 0
        self._wants_message = False
        self._lines: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"\0abstract:{name}")
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """As if it was pulled out."""
        self._listening.shutdown(socket.SHUT_RDWR)  # or whoever accepts would keep it
        self._listening.close()
        for each in self._lines:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self._lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        waiting = b""
        with line, contextlib.suppress(OSError):
            while got := line.recv(4096):
                waiting += got
                while (ends := [at for at in (waiting.find(b"\r"), waiting.find(b"\x1a")) if at >= 0]) != []:
                    command, waiting = waiting[: min(ends)].strip(b"\r\n"), waiting[min(ends) + 1 :]
                    line.sendall(self.answer(command.decode("ascii", "replace").strip()).encode())

    def answer(self, command: str) -> str:
        self.commands.append(command)
        if self._wants_message:
            return self._take(command)
        if command.startswith("AT+CMGS="):
            self._wants_message = True
            return "\r\n> "
        if command.startswith("AT+CMGR="):
            pdu = self.stored[int(command.partition("=")[2])]
            return f"\r\n+CMGR: 0,,{len(pdu) // 2 - 1}\r\n{pdu}\r\n\r\nOK\r\n"
        if command.startswith("AT+CMGD="):
            self.stored.pop(int(command.partition("=")[2].partition(",")[0]), None)
            return "\r\nOK\r\n"
        if command.startswith("AT+CUSD=1"):
            return f'\r\nOK\r\n\r\n+CUSD: 0,"{self.ussd}",15\r\n' if self.ussd else "\r\nOK\r\n"
        if command.startswith("AT+CUSD") and "?" not in command:
            return "\r\nOK\r\n"
        said = _MESSAGES.get(command, _MESSAGES["AT+CPMS"] if command.startswith("AT+CPMS=") else "")
        return f"\r\n{said}\r\n\r\nOK\r\n" if said else super().answer(command)

    def _take(self, pdu: str) -> str:
        self._wants_message = False
        if self.refuses == "":
            self.sent.append(submitted(bytes.fromhex(pdu)))
            return f"\r\n+CMGS: {len(self.sent)}\r\n\r\nOK\r\n"
        return f"\r\n{self.refuses}\r\n" if self.refuses else ""

    def receive(self, *pdus: bytes) -> None:
        """Messages, or parts of one, come from the network."""
        # ModemManager reads one at a time, and does not look after those that it is told of meanwhile.
        for pdu in pdus:
            self._place += 1
            self.stored[self._place] = pdu.hex().upper()
            read = f"AT+CMGR={self._place}"
            while read not in self.commands:
                self._tell(f'\r\n+CMTI: "ME",{self._place}\r\n')
                with contextlib.suppress(TimeoutError):
                    wait_until("it is read", partial(self._was_asked, read), timeout=0.5)

    def _was_asked(self, command: str) -> bool:
        return command in self.commands

    def _tell(self, text: str) -> None:
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.sendall(text.encode())


def submitted(pdu: bytes) -> Sent:
    """A message as a modem is told to send it (SMS-SUBMIT)."""
    at = 1 + pdu[0] + 2  # centre, kind, reference
    digits = pdu[at]
    number = "".join(f"{each & 15:x}{each >> 4:x}" for each in pdu[at + 2 : at + 2 + (digits + 1) // 2])[:digits]
    international = "+" if pdu[at + 1] & 0x70 == 0x10 else ""
    at += 2 + (digits + 1) // 2 + 1  # and protocol
    coding, at = pdu[at], at + 1 + (1 if pdu[1 + pdu[0]] & 0x18 == 0x10 else 0)
    size, content = pdu[at], pdu[at + 1 :]
    if coding == 8:
        return Sent(international + number, content[:size].decode("utf-16-be"), "ucs2")
    return Sent(international + number, unpacked(content, size), "gsm7")


def unpacked(content: bytes, size: int) -> str:
    """Septets of the default alphabet, as far as tests write them."""
    bits = int.from_bytes(content, "little")
    septets = [bits >> 7 * at & 0x7F for at in range(size)]
    return "".join(GSM[each] if each < len(GSM) else chr(each) for each in septets)


def delivered(sender: str, text: str, part: tuple[int, int] = (1, 1)) -> bytes:
    """A message as the network delivers it (SMS-DELIVER), in UCS-2, from a name or a number."""
    kind = 0x44 if part[1] > 1 else 0x04
    content = text.encode("utf-16-be")
    if part[1] > 1:
        content = bytes([5, 0, 3, 77, part[1], part[0]]) + content
    moment = bytes.fromhex("62110321000063")  # 2026-11-30 12:00:00 +09:00
    return bytes([0, kind, *_address(sender), 0, 8, *moment, len(content), *content])


def _address(sender: str) -> Iterable[int]:
    if sender.isdigit():
        padded = sender + "f" * (len(sender) % 2)
        return [len(sender), 0x81, *(int(padded[at + 1] + padded[at], 16) for at in range(0, len(padded), 2))]
    bits = sum(ord(each) << 7 * at for at, each in enumerate(sender))
    content = bits.to_bytes((7 * len(sender) + 7) // 8, "little")
    return [(7 * len(sender) + 3) // 4, 0xD0, *content]
