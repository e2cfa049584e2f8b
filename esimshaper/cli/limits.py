# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs of limits: `quotas` shows them; the others set something by hand."""

import argparse
import shlex
import sys
from typing import Any

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, agree, command, fetch, show_document
from esimshaper.cli.parser import reject, take_negative
from esimshaper.cli.prose import is_size
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.time_of_day import parse_wall_time
from esimshaper.core.model.typed import typed_clock, typed_duration, typed_size
from esimshaper.core.model.units import (
    ALLOW_SECONDS,
    MAX_BYTES,
    MAX_SECONDS,
    format_size,
    parse_duration,
    parse_size,
    write_duration,
)
from esimshaper.languages.texts import _

_SUBJECT = "everyone, router, client/NAME or group/NAME; or the name, MAC or host name of a client alone"
_SUBJECT_OR_SERVICE = f"{_SUBJECT}; with --client a service or a category"


def add_verbs(verbs: Verbs) -> None:
    """`quotas`, `grant`, `block`, `allow` and `unblock`."""
    quotas = add_verb(
        verbs,
        "quotas",
        _quotas,
        "shows what is left of each quota, and when it renews; of a subject, what holds it",
        "esimshaper quotas alice-phone",
    )
    quotas.add_argument("subject", metavar="SUBJECT", nargs="?", help=_SUBJECT)
    _add_grant(verbs)
    _add_overrides(verbs)
    add_json(quotas)
    add_socket(quotas)


def _add_grant(verbs: Verbs) -> None:
    grant = add_verb(
        verbs,
        "grant",
        _grant,
        "adds bytes to the quotas of a subject, until they renew; or takes them back",
        "sudo esimshaper grant alice-phone 500MB --for 2h",
    )
    take_negative(grant)
    grant.add_argument("subject", metavar="SUBJECT", help=_SUBJECT)
    grant.add_argument(
        "size", metavar="SIZE", nargs="*", help="with its unit, for example 500MB or 1.5GB; -500MB takes back so much"
    )
    end = grant.add_mutually_exclusive_group()
    _add_ends(end, "the unused rest of the grant then ends early")
    end.add_argument(
        "--clear", action="store_true", help="take back all that was granted in the present periods, or for later"
    )
    _add_at(grant, "begin then, within a second, and not at once; written as for --until")
    grant.add_argument("--yes", action="store_true", help="do not ask, on a terminal, about more than the whole limit")
    add_json(grant)
    add_socket(grant)


def _add_overrides(verbs: Verbs) -> None:
    block = "stops all traffic of a subject with the uplink, whatever its quotas say"
    _add_override(verbs, "block", block, "it holds until --clear")
    allow = "lifts the limits of a subject and of its group for a time; those for everyone stay, such as a plan"
    verb, end = _add_override(verbs, "allow", allow, f"{ALLOW_SECONDS // 3600}h")
    end.add_argument("--always", action="store_true", help="until somebody takes it back")
    verb.add_argument("--over-plan", action="store_true", help="lift those for everyone as well: the plan is used on")
    unblock = add_verb(
        verbs,
        "unblock",
        _by_hand,
        "ends a block or an allow: only the quotas count again",
        "sudo esimshaper unblock tv",
    )
    unblock.add_argument("subject", metavar="SUBJECT", help=_SUBJECT_OR_SERVICE)
    _add_whose(unblock)
    unblock.set_defaults(clear=True, seconds=None, until=None, at=None)
    add_json(unblock)
    add_socket(unblock)


def _add_override(
    verbs: Verbs, name: str, does: str, default: str
) -> tuple[argparse.ArgumentParser, argparse._ActionsContainer]:
    """The verb, and its options of which one says when the order ends."""
    verb = add_verb(verbs, name, _by_hand, does, f"sudo esimshaper {name} tv --for 2h")
    verb.set_defaults(path=f"/v1/{name}")
    verb.add_argument("subject", metavar="SUBJECT", help=_SUBJECT_OR_SERVICE)
    _add_whose(verb)
    end = verb.add_mutually_exclusive_group()
    _add_ends(end, f"then the order ends by itself (default: {default})")
    end.add_argument(
        "--clear",
        action="store_true",
        help="take back a block or an allow, also one that is to come: only the quotas count again",
    )
    _add_at(verb, "begin then, to the second, and not at once; written as for --until")
    add_json(verb)
    add_socket(verb)
    return verb, end


def _quotas(options: argparse.Namespace) -> int:
    params = {"subject": options.subject} if options.subject else {}
    return show_document(options, "quotas", "quotas_page", fetch(options, "/v1/quotas", params), paged=True)


def _grant(options: argparse.Namespace) -> int:
    size = _signed_size(options)
    body: dict[str, Any] = {"subject": options.subject}
    if size is None or size < 0:
        body |= {"bytes": -size} if size else {}
        return show_document(options, "orders", "revoke_page", command(options, "/v1/revoke", body))
    _ask_if_large(options, size)
    body |= {"bytes": size, **_when(options)}
    return show_document(options, "orders", "grant_page", command(options, "/v1/grant", body))


def _ask_if_large(options: argparse.Namespace, size: int) -> None:
    """Asks a person at a terminal before a grant that is larger than a limit itself: 30GB is soon typed for 3GB."""
    if options.yes or options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    document = fetch(options, "/v1/quotas", {"subject": options.subject})
    own = [row for row in document["quotas"] if row["subject"] == document["subject"]]
    exceeded = [row for row in own if size > row["limit_bytes"] - row["granted_bytes"]]
    if not exceeded:
        return
    limits = _(" and ").join(f"{row['quota']} ({format_size(row['limit_bytes'])})" for row in exceeded)
    question = _("{size} is more than the whole limit of {limits}. Grant it?", size=format_size(size), limits=limits)
    try:
        wanted = agree(question, default=False)
    except EOFError:
        wanted = False
    if not wanted:
        raise Unusable(_("nothing was granted"))


def _signed_size(options: argparse.Namespace) -> int | None:
    """The bytes to grant, below zero to take back; None to take back all."""
    text = " ".join(options.size)
    whom = shlex.quote(options.subject)
    if not text and is_size(options.subject):
        reject(options, _("say for whom: `{command}`", command=f"grant everyone {whom}"))
    if not text and options.seconds:
        length = write_duration(options.seconds)
        instead = f"esimshaper allow {whom} --for {length}"
        reject(options, _("say how much (SIZE); `{command}` lifts limits for a time", command=instead))
    if bool(text) == options.clear:
        reject(options, _("say how much (SIZE), or --clear; not both"))
    if options.clear:
        _refuse_at(options)
        return None
    if text.startswith("-") and _when(options):
        reject(options, _("what is taken back does not come again: --for, --until and --at go with a grant only"))
    try:
        size = size_from(text.removeprefix("-"))
    except argparse.ArgumentTypeError as error:
        reject(options, str(error))
    return -size if text.startswith("-") else size


def _add_whose(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--client", metavar="WHO", help="SUBJECT is a service or a category then, such as youtube: that of this subject"
    )


def _of_a_service(options: argparse.Namespace) -> int:
    """`block youtube --client tv`, and what goes with it."""
    if options.at or options.until or getattr(options, "over_plan", False):
        reject(options, _("--at, --until and --over-plan do not go with a service: `--for 2h`"))
    body: dict[str, Any] = {"service": options.subject, "subject": options.client}
    if options.clear:
        return show_document(options, "rules", "decided_page", command(options, "/v1/services/clear", body))
    kind = options.path.rpartition("/")[2]
    body |= {"seconds": options.seconds} if options.seconds else {}
    body |= {"always": True} if getattr(options, "always", False) else {}
    return show_document(options, "rules", "decided_page", command(options, f"/v1/services/{kind}", body))


def _by_hand(options: argparse.Namespace) -> int:
    if options.client:
        return _of_a_service(options)
    if options.clear:
        _refuse_at(options)
    path = "/v1/clear" if options.clear else options.path
    body = {"subject": options.subject, **_when(options)}
    if path == "/v1/allow":
        body |= {"always": options.always, "over_plan": options.over_plan}
    return show_document(options, "orders", "by_hand_page", command(options, path, body))


def _when(options: argparse.Namespace) -> dict[str, Any]:
    """When it begins and ends, as far as that was said."""
    return {name: value for name in ("seconds", "until", "at") if (value := getattr(options, name))}


def _refuse_at(options: argparse.Namespace) -> None:
    if options.at:
        reject(options, _("--clear takes back at once: it does not go with --at"))


def _add_ends(parser: argparse._ActionsContainer, text: str) -> None:
    parser.add_argument(
        "--for", dest="seconds", metavar="DURATION", type=seconds_from, help=f"for example 30m, 2h or 1d12h; {text}"
    )
    parser.add_argument(
        "--until",
        metavar="TIME",
        type=_time,
        help='the next such time in the zone of the configuration: 07:00, "tue 07:00", "2026-12-01 07:00"',
    )


def _add_at(parser: argparse._ActionsContainer, text: str) -> None:
    parser.add_argument("--at", metavar="TIME", type=_time, help=text)


def _time(text: str) -> str:
    """The text as times are written, if it is one: only the daemon knows the zone."""
    text = typed_clock(text)
    try:
        parse_wall_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def size_from(text: str, least: int = 1) -> int:
    """Bytes, `least` or more, that a person wrote. Raises ArgumentTypeError."""
    if text.isascii() and text.isdigit():
        raise argparse.ArgumentTypeError(_("`{text}` of what? `{text}MB`, or `{text}GB`", text=text))
    try:
        size = parse_size(typed_size(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not least <= size <= MAX_BYTES:
        most = f"{MAX_BYTES // 1000**4}TB"
        raise argparse.ArgumentTypeError(
            _("`{text}` is not between {least} and {most}", text=text, least=f"{least}B", most=most)
        )
    return size


def seconds_from(text: str) -> int:
    """A length of time that a person wrote. Raises ArgumentTypeError."""
    try:
        seconds = parse_duration(typed_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds > MAX_SECONDS:
        raise argparse.ArgumentTypeError(_("`{text}` is more than {most}", text=text, most=f"{MAX_SECONDS // 86400}d"))
    return seconds
