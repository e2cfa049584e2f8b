# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner, who is somewhere else: a mailbox in the lab's internet and a phone number, as real programs reach them.

    esimshaper-notify  ->  SMTP over TLS, across the WAN   ->  post_office.py (aiosmtpd)   -> Mailbox
                       ->  D-Bus, Debian's ModemManager    ->  phone.py, a modem's network -> Phone

Owns the mail server, a system bus, ModemManager and the modem.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from esimshaper.edge.modems.bus import PROPERTIES
from esimshaper.lab import Lab
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.phone import Phone
from esimshaper.lab.sites import NEW_KEY
from esimshaper.lab.system_bus import private_bus

NUMBER, ADDRESS = "+819012345678", "owner@lab.example"
ICCID = "8981100012345678905"
PORT = 587
_READY_SECONDS = 60.0
_ENABLED = 6  # MM_MODEM_STATE_ENABLED
_PROGRAMS = {"dbus-daemon": "dbus-daemon", "ModemManager": "modemmanager"}
_MODULES = {"dbusmock": "python3-dbusmock", "jeepney": "python3-jeepney"}


def can_be_reached() -> bool:
    """Whether there can be a mail server here."""
    return importlib.util.find_spec("aiosmtpd") is not None


def missing_for_sms() -> list[str]:
    """Debian's packages that SMS need here, and that are not installed."""
    programs = [package for program, package in _PROGRAMS.items() if not shutil.which(program)]
    return programs + [package for module, package in _MODULES.items() if not importlib.util.find_spec(module)]


@dataclass(frozen=True, slots=True)
class Mail:
    """One that has arrived."""

    to: str
    subject: str
    text: str


class Owner:
    """Can be reached while the `with` block lasts. `mails` and `sms` are what has arrived; there are no SMS where
    packages are missing for them.
    """

    def __init__(self, lab: Lab, server: str, folder: Path) -> None:
        self._lab, self._server, self._folder = lab, server, folder
        self._stack = contextlib.ExitStack()
        self.mails: list[Mail] = []
        self.certificate = folder / "mail.crt"
        self.bus_address = ""
        self._phone: Phone | None = None

    def __enter__(self) -> "Owner":
        with contextlib.ExitStack() as stack:
            self._begin_mail(stack)
            if not missing_for_sms():
                self._begin_modem(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def has_phone(self) -> bool:
        """Whether SMS can come."""
        return self._phone is not None

    @property
    def sms(self) -> list[str]:
        """The messages that the network has taken for the owner's number."""
        return [each.text for each in self._phone.sent if each.number == NUMBER] if self._phone else []

    def settings(self) -> str:
        """The lines of the configuration by which the owner is told."""
        where = f"host: {self._server}, port: {PORT}, ca: {self.certificate}"
        mail = f"  email: {{{where}, from: router@lab.example, to: {ADDRESS}, min: alarm}}\n"
        return f"notices:\n{mail}" + f'  sms: {{to: "{NUMBER}"}}\n' * self.has_phone

    def _begin_mail(self, stack: contextlib.ExitStack) -> None:
        key = self._folder / "mail.key"
        name = ["-subj", "/CN=mail", "-addext", f"subjectAltName=IP:{self._server}"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        command = ["openssl", "req", "-x509", *NEW_KEY, "-days", "2", *name, *files]
        subprocess.run(command, check=True, capture_output=True)
        process = self._lab.internet.popen(
            [
                sys.executable,
                "-m",
                "esimshaper.lab.post_office",
                str(self.certificate),
                str(key),
                self._server,
                str(PORT),
            ],
            env=python_environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo
        )
        stack.callback(_end, process)
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("demo: the mail server did not start")
        threading.Thread(target=self._receive, args=(process.stdout,), daemon=True).start()

    def _receive(self, lines: "contextlib.AbstractContextManager[object]") -> None:
        for line in lines:  # type: ignore[attr-defined]
            self.mails.append(Mail(**json.loads(line)))

    def _begin_modem(self, stack: contextlib.ExitStack) -> None:
        from esimshaper.core.modems.properties import NAME  # noqa: PLC0415
        from esimshaper.demo.modem_manager import RealManager  # noqa: PLC0415 - only where its packages are

        bus = stack.enter_context(private_bus(self._folder, quiet=True))
        self.bus_address = bus.address
        manager = RealManager(bus)
        stack.callback(manager.hand.close)
        name = f"demo-{os.getpid()}"  # abstract, so it is for all of the machine
        self._phone = phone = Phone(name, ICCID)
        stack.callback(phone.close)
        manager.use(name)
        manager.enable()

        def takes_messages() -> bool:
            (found,) = manager.hand.call(NAME, manager.path, PROPERTIES, "GetAll", "s", (f"{NAME}.Modem",))
            return found["State"] > _ENABLED and any(each.startswith("AT+CNMI=") for each in phone.commands)

        wait_until("a modem that sends messages", takes_messages, _READY_SECONDS)


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
