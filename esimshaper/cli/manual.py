# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages: argument parser -> esimshaper(8), JSON Schema -> esimshaper.yaml(5), as man(7) text. Pure.

`python3 -m esimshaper.cli.manual 8 | man -l -` shows one; `make install` and the package install both.
"""
# ruff: noqa: T201 - prints a page

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from esimshaper import __version__
from esimshaper.cli.main import build_parser
from esimshaper.cli.syntax import Argument, Command, read
from esimshaper.edge.host import clock

Schema = Mapping[str, Any]

SCHEMA = Path(__file__).parents[1] / "esimshaper.schema.json"
CATALOG = Path(__file__).parents[2] / "systemd/esimshaper.catalog"
"""Beside the program in the source, from which alone the pages are made."""
COMMON = 4
"""An option of at least so many verbs is explained once, for all of them."""

DESCRIPTION = """
The daemon runs as the service `esimshaper`, with the configuration `/etc/esimshaper/esimshaper.yaml`.
`esimshaper setup` finds the uplink and where your devices are, asks for the plan and writes it. `esimshaper check` says
what is wrong with it, `esimshaper reload` puts an edited one in force without losing a packet or a count,
`esimshaper doctor` whether this machine can count truthfully, and `esimshaper status` what is used.

The kernel counts and limits also while the daemon is stopped, restarted or upgraded; `esimshaper unload` ends that.

Members of the group `esimshaper` may ask the daemon and command it: `sudo usermod -aG esimshaper $USER`.
"""

BILL = """
The counts here are those of IP packets as they cross the modem, which is what carriers bill. `esimshaper doctor --bill`
lists the reasons why an app of the carrier may show another number all the same, with the figures of this router:

The carrier's day and month begin by another time zone: set `timezone` of the quota. It rounds each connection or each
day up to a full KB or MB. It means 1,073,741,824 bytes by a GB: write `10GiB`. Its app is hours late.

What was used before this router began to count is missing here, unless `used` of the quota has it.

The same SIM in another device, devices at the modem's own Wi-Fi and the modem's own updates never pass this router.
What goes out by another interface, such as hotel Wi-Fi, is not counted, and costs another plan or none.

Scans from the Internet that knock at the address of the router are billed, and are in the sum as `unattributed`. What
the carrier gives free of charge is counted here.
"""

MESSAGES = """
What happens is kept in the history (`esimshaper events`) and told to the journal, where each kind of message has a
MESSAGE_ID that never changes, and fields: ESIMSHAPER_CLIENT, ESIMSHAPER_QUOTA, ESIMSHAPER_STATE, ESIMSHAPER_BYTES,
ESIMSHAPER_INTERFACE. `journalctl -x -u esimshaper` explains each; `journalctl -f -o json MESSAGE_ID=...` follows one.
"""

SERVICES = """
What bytes were for is read from what devices say first: answers of DNS, hellos of TLS and QUIC, requests of HTTP. The
kernel copies these few packets, and `esimshaper-names.service` reads them: a process with a user of its own, without
any capability or network. It is started and stopped with the daemon. While it is dead, everything is counted and
limited as ever, and what is new is `unnamed`.

Names of hosts stay in memory: `esimshaper flows` shows them, and nothing saves them. `services: {names: off}` in the
configuration ends all of it.

Beside a daemon that was started by hand, as by `sudo esimshaper run`, it is started by hand as well:
`sudo PYTHONPATH=/usr/lib/esimshaper python3 -S -P -m esimshaper.names`.
"""

ENVIRONMENT = {
    "RUNTIME_DIRECTORY": "Where the daemon's control socket is, `/run/esimshaper` if it is not set. systemd sets it.",
    "STATE_DIRECTORY": "Where the history is, `/var/lib/esimshaper` if it is not set. systemd sets it.",
    "NO_COLOR": "Anything in it: no colours.",
}

MODEMS = """
Which SIM, or which profile of an eSIM, is in use is read from ModemManager on D-Bus, by `esimshaper-modems.service`: a
process with a user of its own, without any capability or network. It follows ModemManager and never drives a modem.
Of NetworkManager it reads which interfaces are metered. Numbers of SIMs are shown by their last four digits. Without
ModemManager, or while that process is dead, all is counted
and limited as ever, and no SIM is known.

Beside a daemon that was started by hand it is started by hand as well:
`sudo PYTHONPATH=/usr/lib/esimshaper python3 -P -m esimshaper.modems`.
"""

FILES = {
    "/etc/esimshaper/esimshaper.yaml": "The configuration; see `esimshaper.yaml`(5).",
    "/etc/esimshaper/conf.d/*.yaml": "More of it (`*.yml` too), read in the order of their names.",
    "/etc/esimshaper/services.d/*.yaml": "Services of your own, which go before those of the catalogue; "
    "`esimshaper services import` makes such files.",
    "/var/lib/esimshaper/history.db": "What was used, what for, and what is left of the quotas (SQLite).",
    "/var/lib/esimshaper/services/catalogue.json": "All services, as `esimshaper-names.service` reads them.",
    "/run/esimshaper-names/report.json": "How much that service has seen, in numbers, for `esimshaper doctor`.",
    "/run/esimshaper-modems/modems.json": "Modems and SIMs, as that service sees them; written each 10 seconds.",
    "/var/lib/esimshaper/page.json": "Where the page is, as the daemon has it in force.",
    "/run/esimshaper/web.sock": "The daemon answers the page here, and nobody else.",
    "/run/esimshaper/notify.sock": "The daemon hands out notices here to `esimshaper-notify.service`.",
    "/etc/credstore/esimshaper.email": "The password of the mail server, if the settings name it as a credential.",
    "/run/esimshaper/control.sock": "The daemon answers here, by HTTP and JSON: "
    "`curl --unix-socket /run/esimshaper/control.sock http://localhost/v1/status`.",
    "/sys/fs/bpf/esimshaper": "The kernel part: programs and counters. They outlive the daemon, not a reboot.",
}

NOTICES = """
With `notices:` in the configuration `esimshaper-notify.service` tells people: a process with a user of its own, without
any capability, which takes jobs from the daemon and delivers each in a child process that is killed at its deadline.
What it does not tell waits, and the journal has all of it. It needs the package `apprise` for push services,
`python3-paho-mqtt` for MQTT, and ModemManager for SMS.

A secret is a file that the user `esimshaper-notify` may read, `{file: /etc/esimshaper-notify/mail}`, or a credential of
systemd, which root alone reads: `{credential: esimshaper.email}` is `/etc/credstore/esimshaper.email`. The unit knows
`esimshaper.email`, `.webhook`, `.webhook-key`, `.mqtt` and `.apprise-1` to `.apprise-3`; `systemctl edit
esimshaper-notify` adds others, by `LoadCredential=NAME`. After a change: `systemctl restart esimshaper-notify`.

A command gets the notice as JSON on its standard input, in the sandbox of that unit. Exit status 0 is told, 65 never
again, and with any other it is tried again. A webhook gets the same JSON with an `Idempotency-Key`, and with `key` a
signature: `Esimshaper-Signature: t=SECONDS,v1=HEX`, HMAC-SHA256 of `SECONDS.BODY`.
"""

PAGE = """
With `web:` in the configuration systemd listens at the interfaces of the LAN, `esimshaper-web@INTERFACE.socket`,
and starts `esimshaper-web.service` when a browser comes: a process with a user of its own, without any capability or
network, which asks the daemon and ends when nobody has looked for ten minutes. Where it listens is told systemd by
`esimshaper-web-listen.service`, at the start of the daemon and after a reload. Nothing comes from the carrier's side.

`web.tls` has a certificate that browsers know. Then phones show the page, and what is left, beside the name of the
network, if the DHCP server tells them by option 114 (RFC 8910). For dnsmasq, NAME being that of the certificate:

    dhcp-option=114,https://NAME/.well-known/captive-portal

Without a certificate leave that line out: phones fetch it over TLS only, and would warn of the network.
"""

SETTINGS = """
YAML 1.2. Unknown settings and settings that are written twice are errors. `esimshaper check` shows all that is wrong
at once, by line and column; a configuration with an error is refused as a whole.

Files in `conf.d` beside it (`*.yaml` and `*.yml`, in the order of their names) are read after it: their blocks are
merged with those before, their clients and quotas are added, and of all other values the last one counts.
"""

EXAMPLE = """\
wan: {interface: wwan0}
lan: {interfaces: [br0]}
timezone: Asia/Tokyo
clients:
  - {name: alice-phone, mac: "02:00:00:00:00:10"}
  - {name: tv, mac: "02:00:00:00:00:11", group: living-room}
quotas:
  - {name: plan, for: everyone, limit: 10GB, period: month, then: block}
  - {name: daily, for: each-client, limit: 500MB, period: day, warn_at: [80%],
     then: {throttle: 256kbit}}
"""


def command_page(day: date) -> str:
    """esimshaper(8)."""
    before, verbs = read(build_parser())
    often = Counter(option for verb in verbs for option in verb.options)
    common = [option for option, times in often.items() if times >= COMMON]
    sections = {
        "NAME": [r"esimshaper \- " + _text("exact data quotas for a travel router")],
        "SYNOPSIS": [_text(f"`{before.usage.replace(' VERB ...', '')}` VERB ...")],
        "DESCRIPTION": [_text(before.description), ".PP", *_paragraphs(DESCRIPTION)],
        "VERBS": [line for verb in verbs for line in _verb(verb, common)],
        "OPTIONS": [line for option in dict.fromkeys((*before.options, *common)) for line in _argument(option)],
        "WHY THE CARRIER SAYS SOMETHING ELSE": _paragraphs(BILL),
        "WHAT BYTES WERE FOR": _paragraphs(SERVICES),
        "MODEMS AND SIMS": _paragraphs(MODEMS),
        "NOTICES": _paragraphs(NOTICES),
        "THE PAGE": _paragraphs(PAGE),
        "MESSAGES": [*_paragraphs(MESSAGES), *_messages()],
        "EXIT STATUS": list(_exit_statuses(before.epilog)),
        "ENVIRONMENT": list(_table(ENVIRONMENT)),
        "FILES": list(_table(FILES)),
        "SEE ALSO": [_text("`esimshaper.yaml`(5), `journalctl`(1), `systemctl`(1), `tc`(8), `nft`(8)")],
    }
    return _page("esimshaper", 8, day, "System Manager's Manual", sections)


def settings_page(schema: Schema, day: date) -> str:
    """esimshaper.yaml(5), from the schema that also checks the file."""
    sections = {
        "NAME": [r"esimshaper.yaml \- " + _text("configuration of esimshaper")],
        "SYNOPSIS": [_text("`/etc/esimshaper/esimshaper.yaml`"), ".br", _text("`/etc/esimshaper/conf.d/*.yaml`")],
        "DESCRIPTION": _paragraphs(SETTINGS),
        "SETTINGS": [line for name, part in schema["properties"].items() for line in _block(schema, name, part)],
        "VALUES": [
            line for name in ("size", "rate") for line in _tagged(name, _text(schema["$defs"][name]["description"]))
        ],
        "EXAMPLE": [".EX", *map(_plain, EXAMPLE.splitlines()), ".EE"],
        "FILES": list(_table({"/usr/share/doc/esimshaper/esimshaper.yaml": "An example that explains everything."})),
        "SEE ALSO": [_text("`esimshaper`(8)")],
    }
    return _page("esimshaper.yaml", 5, day, "File Formats Manual", sections)


# --- parts of esimshaper(8)


def _verb(verb: Command, common: Iterable[Argument]) -> Iterator[str]:
    yield f".SS {_plain(verb.name)}"
    yield _text(f"`{verb.usage.replace('[-h] ', '')}`")
    yield ".PP"
    yield _text(verb.description)
    for argument in (*verb.places, *verb.options):
        if argument not in common:
            yield from _argument(argument)
    yield ".PP"
    yield _text(re.sub(r"^example: (.*)", r"Example: `\1`", verb.epilog))


def _argument(argument: Argument) -> Iterator[str]:
    value = f" {argument.value}" if argument.value and argument.flags else ""
    return _tagged(f"{', '.join(argument.flags) or argument.value}{value}", _text(argument.help))


def _messages() -> Iterator[str]:
    """Each MESSAGE_ID with the subject of its entry in the catalog, where a field is its last word."""
    for number, subject in re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.*)$", CATALOG.read_text(), flags=re.MULTILINE):
        yield from _tagged(number, _text(re.sub("@ESIMSHAPER_([A-Z]+)@", r"\1", subject) + "."))


def _exit_statuses(epilog: str) -> Iterator[str]:
    """The list of exit statuses, from the text `Exit status: 0 done, 1 failed, ...`."""
    for status in epilog.partition(": ")[2].removesuffix(".").split(", "):
        number, meaning = status.split(" ", 1)
        yield from _tagged(number, _text(meaning))


# --- parts of esimshaper.yaml(5)


def _block(schema: Schema, name: str, part: Schema) -> Iterator[str]:
    """An outermost setting, and the settings in it."""
    yield f".SS {_plain(name)}"
    yield _text(_meaning(part, required=name in schema["required"]))
    yield from _parts(schema, part, "")


def _parts(schema: Schema, whole: Schema, before: str) -> Iterator[str]:
    """The settings in a block, or in each block of a list; `before` is the path to them."""
    block = whole if "properties" in whole else whole.get("items", whole)
    for name, part in block.get("properties", {}).items():
        referred = schema["$defs"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else {}
        setting = {**referred, **part}
        yield from _tagged(f"{before}{name}", _text(_meaning(setting, required=name in block.get("required", ()))))
        yield from _parts(schema, setting, f"{before}{name}.")


def _meaning(part: Schema, *, required: bool) -> str:
    """The title of a setting, its help, and its default if the help does not name it."""
    title, text, default = str(part["title"]), str(part["description"]), part.get("default")
    text = f"{title[0].upper()}{title[1:]}{'; required' if required else ''}. {text}"
    if not default or "default" in text or "left out" in text:
        return text
    shown = f"[{', '.join(default)}]" if isinstance(default, list) else str(default)
    return f"{text} `{shown}` if left out."


# --- man(7)


def _page(name: str, section: int, day: date, volume: str, sections: Mapping[str, Iterable[str]]) -> str:
    """A whole page. man must neither hyphenate names of files and commands nor stretch their spaces."""
    lines = [
        '.\\" Made from the program itself by esimshaper/cli/manual.py.',
        f'.TH {name} {section} {day} "esimshaper {__version__}" "{volume}"',
        ".nh",
        ".ad l",
    ]
    for title, body in sections.items():
        lines += [f".SH {title}", *body]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    lines = [line for part in text.strip().split("\n\n") for line in (".PP", _text(" ".join(part.split())))]
    return lines[1:]


def _table(table: Mapping[str, str]) -> Iterator[str]:
    for name, meaning in table.items():
        yield from _tagged(name, _text(meaning))


def _tagged(tag: str, text: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_plain(tag)}\fR", text)


def _text(text: str) -> str:
    """Prose as one line of input, with `code` in bold. A line that begins with . or ' would be a request."""
    plain = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _plain(text))
    return rf"\&{plain}" if plain[:1] in {".", "'"} else plain


def _plain(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("^", r"\(ha").replace("~", r"\(ti")
    # A list of choices has no space at which a line may end, and is wider than a narrow page.
    return re.sub(r"(?<=[a-z]),(?=[a-z])", r",\\:", text)


def main() -> None:
    """Prints the page of the section that is asked for. $SOURCE_DATE_EPOCH: reproducible-builds.org/specs."""
    day = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", clock.now())), UTC).date()
    wanted = sys.argv[1]
    page = command_page(day) if wanted == "8" else settings_page(json.loads(SCHEMA.read_text(encoding="utf-8")), day)
    print(page, end="")


if __name__ == "__main__":
    main()
