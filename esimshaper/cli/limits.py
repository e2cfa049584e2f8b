# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs of limits: `quotas` shows them; `grant`, `block` and `allow` set something by hand."""

import argparse

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, command, fetch, show_document
from esimshaper.core.model.units import MAX_BYTES, MAX_SECONDS, parse_duration, parse_size

_SUBJECT = "everyone, client/NAME or group/NAME; or the name, MAC or host name of a client alone"


def add_verbs(verbs: Verbs) -> None:
    """`quotas`, `grant`, `block` and `allow`."""
    quotas = add_verb(
        verbs, "quotas", _quotas, "shows what is left of each quota, and when it renews", "esimshaper quotas"
    )
    grant = add_verb(
        verbs,
        "grant",
        _grant,
        "adds bytes to the quotas of a subject, until they renew",
        "sudo esimshaper grant client/alice-phone 500MB --for 2h",
    )
    grant.add_argument("subject", metavar="SUBJECT", help=_SUBJECT)
    grant.add_argument("size", metavar="SIZE", type=_size, help="with its unit, for example 500MB or 1.5GB")
    _add_for(grant, "the unused rest of the grant then ends early")
    for name, does in (
        ("block", "stops all traffic of a subject with the uplink, whatever its quotas say"),
        ("allow", "lifts all limits of a subject, also those of its group and of everyone"),
    ):
        verb = add_verb(verbs, name, _by_hand, does, f"sudo esimshaper {name} tv --for 2h")
        verb.set_defaults(path=f"/v1/{name}")
        verb.add_argument("subject", metavar="SUBJECT", help=_SUBJECT)
        end = verb.add_mutually_exclusive_group()
        _add_for(end, "then the order ends by itself (default: it holds until --clear)")
        end.add_argument(
            "--clear", action="store_true", help="take back a block or an allow: only the quotas count again"
        )
        add_json(verb)
        add_socket(verb)
    for parser in (quotas, grant):
        add_json(parser)
        add_socket(parser)


def _quotas(options: argparse.Namespace) -> int:
    return show_document(options, "quotas", "quotas_page", fetch(options, "/v1/quotas"))


def _grant(options: argparse.Namespace) -> int:
    body = {"subject": options.subject, "bytes": options.size, **_length(options)}
    return show_document(options, "quotas", "grant_page", command(options, "/v1/grant", body))


def _by_hand(options: argparse.Namespace) -> int:
    path = "/v1/clear" if options.clear else options.path
    body = {"subject": options.subject, **_length(options)}
    return show_document(options, "quotas", "by_hand_page", command(options, path, body))


def _length(options: argparse.Namespace) -> dict[str, int]:
    return {"seconds": options.seconds} if options.seconds else {}


def _add_for(parser: argparse._ActionsContainer, text: str) -> None:
    parser.add_argument(
        "--for", dest="seconds", metavar="DURATION", type=_seconds, help=f"for example 30m, 2h or 1d12h; {text}"
    )


def _size(text: str) -> int:
    try:
        size = parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1 <= size <= MAX_BYTES:
        raise argparse.ArgumentTypeError(f"`{text}` is not between 1B and {MAX_BYTES // 1000**4}TB")
    return size


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds > MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"`{text}` is more than {MAX_SECONDS // 86400}d")
    return seconds
