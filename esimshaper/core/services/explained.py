# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversations of a capture -> the document of `esimshaper explain --json`. Pure; JSON types only.

The names of its keys are fixed.
"""

from collections.abc import Iterable
from typing import Any

from esimshaper.core.services.flows import Flow

DOCUMENT_VERSION = 1
PROTOCOLS = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}


def explained(flows: Iterable[Flow], left_out: int) -> dict[str, Any]:
    """The document. left_out: packets of conversations that there was no room for."""
    document = {"version": DOCUMENT_VERSION, "flows": [_entry(flow) for flow in flows]}
    return document | ({"packets_left_out": left_out} if left_out else {})


def _entry(flow: Flow) -> dict[str, Any]:
    return {
        "protocol": PROTOCOLS.get(flow.protocol, f"ip-{flow.protocol}"),
        "client": str(flow.client),
        "client_port": flow.client_port,
        "remote": str(flow.remote),
        "remote_port": flow.remote_port,
        "down_bytes": flow.down_bytes,
        "up_bytes": flow.up_bytes,
        "name": flow.name,
        "how": flow.how.value,
        "service": flow.service,
        "category": flow.category,
    }
