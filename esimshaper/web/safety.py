# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps strangers out of the page: headers, names of hosts, origins, tokens of forms, cookies. Pure.

On plain HTTP a browser sends no Sec-Fetch-Site. So a form must name an origin that is the host it was sent to, and
carry a token that only a page of ours has shown; and cookies do not travel from other sites at all.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from ipaddress import ip_address

Headers = tuple[tuple[str, str], ...]

HEADERS: Headers = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not no-referrer: by the Fetch standard a form would then be sent with `Origin: null`.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""Of every answer."""

HTTPS_HEADERS: Headers = (("Cross-Origin-Opener-Policy", "same-origin"),)
"""Of every answer over TLS. On plain HTTP browsers ignore it, and write an error into their console."""

VISITOR, OWNER, LANGUAGE = "visitor", "owner", "language"
"""Cookies: what tokens of forms are made from; the session of an owner; the language that was chosen."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_OWN_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9%._~:@!$'()*+,=/-]{0,500}(?:\?[A-Za-z0-9%._~=&+-]{0,500})?")
_YEAR = 365 * 86400


def host_of(header: str) -> str:
    """The name or address in a Host header, without its port; empty if it is none."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower().rstrip(".") if match else ""


def is_ours(host: str, local: str, names: Collection[str]) -> bool:
    """Whether a host is this router: the very address that the client has connected to, or a known name or address.

    A name that somebody else's DNS points at this router (rebinding) is neither.
    """
    try:
        address = str(ip_address(host))
    except ValueError:
        return host in names
    return address == local or address in names


def is_own_origin(origin: str, header: str, *, https: bool) -> bool:
    """Whether a form comes from a page of the very host that it was sent to, by the Host header."""
    return origin.lower() == f"{'https' if https else 'http'}://{header.lower()}"


def form_token(visitor: str, owner: str) -> str:
    """What forms of this browser carry; another one after a login or a logout."""
    return hmac.new(f"{visitor}.{owner}".encode(), b"form", hashlib.sha256).hexdigest()[:32]


def is_form_token(given: str, visitor: str, owner: str) -> bool:
    """Whether a form carries the token of this browser. Without a cookie there is none."""
    return bool(visitor) and hmac.compare_digest(given.encode(), form_token(visitor, owner).encode())


def cookies_of(header: str, *, https: bool) -> dict[str, str]:
    """Our cookies in a Cookie header, without those of other programs on this host."""
    named = {cookie_name(name, https=https): name for name in (VISITOR, OWNER, LANGUAGE)}
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name in named and _COOKIE_VALUE.fullmatch(value):
            found.setdefault(named[name], value)
    return found


def set_cookie(name: str, value: str, *, https: bool, seconds: int | None = None) -> tuple[str, str]:
    """The header by which a browser keeps a cookie: until it is closed, or so long; with 0 it forgets it."""
    age = "" if seconds is None else f"; Max-Age={min(seconds, _YEAR)}"
    secure = "; Secure" if https else ""
    text = f"{cookie_name(name, https=https)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}"
    return ("Set-Cookie", text)


def cookie_name(name: str, *, https: bool) -> str:
    """A name that no page without TLS can set, where there is TLS (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if https else name


def own_path(text: str) -> str:
    """A path of this host to go back to, with its query; "/" in place of anything else."""
    return text if _OWN_PATH.fullmatch(text) else "/"
