# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: the layouts of bpf/esimshaper.h, as Python's struct reads them. tests/bpf/test_contract.py compares both."""

import struct

META = struct.Struct("=QII")
ACCOUNT = struct.Struct("=4Q")
EVENT = struct.Struct("=2Q")
CLIENT_KEY = struct.Struct("=16sI")
NUMBER = struct.Struct("=I")
FLOW_KEY = struct.Struct("!16s16sHHB3x")
FLOW = struct.Struct("=6QI4x")
FRAGMENT_KEY = struct.Struct("=16s16sII")
ADDRESS_KEY = struct.Struct("=16s")
ANNOUNCEMENT = struct.Struct("=16sII")

LAYOUTS = {
    "meta": (NUMBER, META),
    "accounts": (NUMBER, ACCOUNT),
    "events": (NUMBER, EVENT),
    "clients": (CLIENT_KEY, NUMBER),
    "flows": (FLOW_KEY, FLOW),
    "fragments": (FRAGMENT_KEY, NUMBER),
    "addresses": (ADDRESS_KEY, NUMBER),
}
"""Key and value of each map; the queue `free_accounts` (NUMBER) and the ring (ANNOUNCEMENT) are apart."""

MAC = 0
"""CLIENT_MAC of enum client_kind."""
