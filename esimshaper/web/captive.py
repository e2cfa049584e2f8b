# SPDX-License-Identifier: GPL-2.0-or-later
"""What phones ask a network that they join (RFC 8908): nobody is captive here, and this much is left. Pure.

Over TLS only, as the RFC wants it: option 114 of DHCP names it, where there is a certificate.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from esimshaper.web.answer import Answer, json_text

PATH = "/.well-known/captive-portal"
KIND = "application/captive+json"


def answer(me: Mapping[str, Any], host: str) -> Answer:
    """From the document about the device that asks; `host` as it has asked for it, with its port."""
    document: dict[str, Any] = {"captive": False, "venue-info-url": f"https://{host}/"}
    least = min(_left(me), default=None)
    if least:
        size, ends = least
        document["bytes-remaining"] = size
        if ends and me.get("time"):
            seconds = (datetime.fromisoformat(ends) - datetime.fromisoformat(me["time"])).total_seconds()
            document["seconds-remaining"] = max(0, int(seconds))
    return json_text(json.dumps(document), kind=KIND)


def _left(me: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Bytes that are left, and when these begin anew or end: of each quota and of the plan."""
    for quota in me.get("quotas") or ():
        yield max(0, quota["left_bytes"]), quota.get("renews") or ""
    plan = me.get("plan") or {}
    if plan.get("left_bytes") is not None:
        yield max(0, plan["left_bytes"]), plan.get("ends") or ""
