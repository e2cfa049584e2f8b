# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `web`: where the page is and who is logged in; the owner's password; to log out."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import getpass
import sys

from esimshaper.cli.base import FAILED, Verbs, add_json, add_socket, add_verb, command, fetch, show_document
from esimshaper.cli.parser import reject
from esimshaper.core.model.units import MIN_PASSWORD
from esimshaper.languages.texts import _

ACTIONS = ("password", "logout")


def add_verb_web(verbs: Verbs) -> None:
    """`web`."""
    web = add_verb(
        verbs,
        "web",
        _web,
        "shows where the page for browsers is, and who is logged in there as the owner; or sets the owner's password "
        "(typed, or one line of the standard input); or ends sessions (logout)",
        "sudo esimshaper web password",
    )
    web.add_argument("action", metavar="ACTION", nargs="?", choices=ACTIONS, help=", ".join(ACTIONS))
    web.add_argument("who", metavar="WHO", nargs="?", help="of logout: the device whose sessions end")
    web.add_argument("--all", action="store_true", help="of logout: the sessions of all devices end")
    add_json(web)
    add_socket(web)


def _web(options: argparse.Namespace) -> int:
    action = options.action or ""
    if action != "logout" and (options.all or options.who):
        reject(options, _("WHO and --all go with `web logout`"))
    if action == "password":
        return _password(options)
    if action == "logout":
        if bool(options.all) == bool(options.who):
            reject(options, _("say whose sessions end: `web logout alice-phone`, or `web logout --all`"))
        document = command(options, "/v1/web/logout", {"client": options.who} if options.who else {})
    else:
        document = fetch(options, "/v1/web")
    return _show(options, document)


def _password(options: argparse.Namespace) -> int:
    password = _typed() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if len(password) < MIN_PASSWORD:
        text = _("a password has {n} characters or more; nothing was changed", n=MIN_PASSWORD)
        print(f"esimshaper: {text}", file=sys.stderr)
        return FAILED
    return _show(options, command(options, "/v1/web/password", {"password": password}))


def _typed() -> str:
    """What a person has typed twice; empty if the two differ."""
    password = getpass.getpass(_("New password of the page: "))
    if len(password) >= MIN_PASSWORD and getpass.getpass(_("The same again: ")) != password:
        text = _("the two are not the same")
        print(f"esimshaper: {text}", file=sys.stderr)
        return ""
    return password


def _show(options: argparse.Namespace, document: dict[str, object]) -> int:
    status = show_document(options, "web", "web_page", document)
    urls = document["urls"]
    if not options.json and not options.action and isinstance(urls, list) and urls and sys.stdout.isatty():
        _show_code(str(urls[0]))
    return status


def _show_code(url: str) -> None:
    """A QR code of the address, for the camera of a phone."""
    import segno  # here, since no other verb needs it

    segno.make(url, micro=False).terminal(compact=True)
