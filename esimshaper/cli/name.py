# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `name`: what people call a device. The name is kept in conf.d/names.yaml."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from esimshaper.cli.base import DONE, WRONG_USE, Verbs, add_json, add_socket, add_verb, command, fetch, print_json
from esimshaper.cli.parser import reject
from esimshaper.cli.reload import PATIENCE
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey, composed
from esimshaper.edge.host.paths import CONFIG_FILE
from esimshaper.languages.texts import _


def add_verb_name(verbs: Verbs) -> None:
    """`name`."""
    name = add_verb(
        verbs,
        "name",
        _name,
        "gives a device the name by which all commands and tables know it; its history stays",
        'sudo esimshaper name 02:00:00:00:00:10 "Eva\'s phone"',
    )
    text = "its MAC, the host name that it gives itself, its address, or the name that it has"
    name.add_argument("device", metavar="DEVICE", help=text)
    name.add_argument("new", metavar="NEW", nargs="*", help="the name, in any script, with or without spaces")
    name.add_argument("--clear", action="store_true", help="take the name back")
    name.add_argument("--config", type=Path, metavar="FILE", default=CONFIG_FILE, help="default: %(default)s")
    add_json(name, "print JSON")
    add_socket(name)


def _name(options: argparse.Namespace) -> int:
    from esimshaper.edge.settings_file import SettingsError
    from esimshaper.edge.settings_file.names_file import names_file, write_name

    new = composed(" ".join(options.new))
    if new and options.clear:
        reject(options, _("say the name (NEW), or --clear; not both"))
    if not new and not options.clear:
        text = _("say how `{device}` is to be called (NEW); or --clear takes its name back", device=options.device)
        reject(options, text)
    try:
        key = _key(options)
        old = write_name(options.config, key, new)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    trouble = _reload(options)
    file = names_file(options.config)
    if options.json:
        document: dict[str, Any] = {"version": DOCUMENT_VERSION, "key": key, "name": new or None, "before": old or None}
        print_json(document | {"file": str(file), "applied": not trouble})
        return DONE
    if new:
        done = _("{device} is called {name}", device=key, name=new)
    else:
        done = _("{device} is no longer called {name}", device=key, name=old)
    later = _(" after the next `sudo esimshaper reload`, as {trouble}", trouble=trouble)
    since = later if trouble else _(" from now on")
    print(f"{done}{since} ({file})")
    undo = shlex.join(("esimshaper", "name", key, old) if old and new else ("esimshaper", "name", "--clear", key))
    if new:
        print(_("`{command}` takes it back", command=f"sudo {undo}"))
    return DONE


def _key(options: argparse.Namespace) -> ClientKey:
    """The MAC or address by which the meter knows the device that was named."""
    from esimshaper.core.settings.clients import parse_mac
    from esimshaper.edge.settings_file import load

    wanted = composed(options.device).strip().removeprefix("client/")
    try:
        return parse_mac(wanted)
    except ValueError:
        pass
    for client in load(options.config).clients:
        if client.name == wanted:
            return client.key
    found = [entry["key"] for entry in fetch(options, "/v1/clients", {"client": wanted})["clients"]]
    if len(found) > 1:
        raise Unusable(
            _("`{wanted}` may be {found}", wanted=wanted, found=_(" or ").join(found)),
            _("name one of them by its MAC"),
        )
    if not found or found[0] in BUILT_IN_CLIENTS:
        raise Unusable(_("`{wanted}` is no device that could be named", wanted=wanted), "esimshaper clients")
    return ClientKey(found[0])


def _reload(options: argparse.Namespace) -> str:
    """Why the daemon has not taken the file in; empty if it has."""
    from esimshaper.edge.control_client import ControlError, DaemonNotRunning

    try:
        command(options, "/v1/reload", {"dry_run": False}, PATIENCE)
    except DaemonNotRunning:
        return _("the daemon is not running")
    except ControlError as error:
        return error.message
    return ""
