# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what there is of each channel: the host's address, files with secrets, a program, a modem that takes messages.

Reads only, and sends nothing to anybody but the resolver: `esimshaper notify test` does.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.notify_facts import Messaging, NotifyFacts
from esimshaper.edge.probe.service import unreadable

USER, UNIT = "esimshaper-notify", "esimshaper-notify.service"
SECONDS = 10
CREDENTIALS = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")

MANAGER = "org.freedesktop.ModemManager1"
POLKIT = "org.freedesktop.PolicyKit1"


def notify(wanted: NoticeSettings) -> NotifyFacts:
    """The facts about all channels of the settings. Raises OSError."""
    needs_modem = bool(wanted.read) or any(each.kind is ChannelKind.SMS for each in wanted.channels)
    commands = [each.settings["command"][0] for each in wanted.channels if each.kind is ChannelKind.COMMAND]
    modules = {each.kind.module for each in wanted.channels} - {""}
    return NotifyFacts(
        _shown("ActiveState"),
        {each.name: (host, why) for each in wanted.channels if (host := host_of(each)) and (why := _unresolved(host))},
        frozenset(each for each in modules if importlib.util.find_spec(each) is None),
        secrets(wanted.channels) if os.geteuid() == 0 else None,
        frozenset(each for each in commands if shutil.which(each) is None),
        messaging() if needs_modem else None,
    )


def host_of(channel: Channel) -> str:
    """Whom a channel speaks to; empty where its settings do not name it."""
    if channel.kind is ChannelKind.WEBHOOK and isinstance(url := channel.settings.get("url"), str):
        return urlsplit(url).hostname or ""
    return str(channel.settings.get("host") or "")


def secrets(channels: Iterable[Channel], folders: Iterable[str] = CREDENTIALS) -> Mapping[str, str]:
    """What is wrong with the secrets that the settings name, by their names there. Needs root."""
    named = [each for channel in channels for each in channel.secrets]
    files = [str(each["file"]) for each in named if each.get("file")]
    absent = {each: "there is no such file" for each in files if not Path(each).exists()}
    closed = dict.fromkeys(unreadable(USER, files), f"{USER} may not read it")
    there = (*folders, f"/run/credentials/{UNIT}")
    lost = {
        str(each["credential"]): f"it is not in {CREDENTIALS[0]}"
        for each in named
        if each.get("credential") and not any((Path(folder) / each["credential"]).exists() for folder in there)
    }
    return absent | closed | lost


def messaging(address: str | None = None) -> Messaging:
    """Whether the sender can send an SMS, as far as can be seen without sending one."""
    try:
        from esimshaper.edge.modems.bus import (  # noqa: PLC0415  jeepney may be missing
            OBJECT_MANAGER,
            Bus,
            BusError,
            NotAnsweredError,
            RefusedError,
        )
    except ImportError:
        return Messaging.NO_BUS
    try:
        bus = Bus(address)
    except BusError:
        return Messaging.NO_BUS
    try:
        if not bus.find_owner(MANAGER):
            return Messaging.NO_MANAGER
        (objects,) = bus.call(MANAGER, f"/{MANAGER.replace('.', '/')}", OBJECT_MANAGER, "GetManagedObjects")
        if not any(f"{MANAGER}.Modem" in each for each in objects.values()):
            return Messaging.NO_MODEM
        if not any(f"{MANAGER}.Modem.Messaging" in each for each in objects.values()):
            return Messaging.NOT_READY
        return _permitted(bus)
    except (BusError, NotAnsweredError, RefusedError):
        return Messaging.UNASKED
    finally:
        bus.close()


def _permitted(bus: Any) -> Messaging:  # noqa: ANN401 - its module may be missing
    """What polkit says of the sender's process, asked without a question to anybody. Raises what the bus raises."""
    process = _shown("MainPID")
    with suppress(KeyError):
        user = pwd.getpwnam(USER).pw_uid
        if process not in ("", "0"):
            about = {"pid": ("u", int(process)), "start-time": ("t", 0), "uid": ("i", user)}
            asked: tuple[Any, ...] = (("unix-process", about), f"{MANAGER}.Messaging", {}, 0, "")
            place = f"/{POLKIT.replace('.', '/')}/Authority"
            (answer,) = bus.call(POLKIT, place, f"{POLKIT}.Authority", "CheckAuthorization", "(sa{sv})sa{ss}us", asked)
            return Messaging.READY if answer[0] else Messaging.DENIED
    return Messaging.UNASKED


def _unresolved(host: str) -> str:
    """Why a name has no address. The C library sets no time for that, so a process does it."""
    try:
        done = subprocess.run(["getent", "ahosts", host], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"nobody answers within {SECONDS} s"
    return "" if done.returncode == 0 else "nobody knows it"


def _shown(name: str) -> str:
    command = ["systemctl", "show", UNIT, f"--property={name}", "--value"]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout.strip()
