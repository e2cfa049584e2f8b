# SPDX-License-Identifier: GPL-2.0-or-later
"""The header is the contract: Python reads the same bytes and knows the same reasons. No root needed."""

import dataclasses
import re
import struct
import subprocess
from pathlib import Path

import pytest

from esimshaper.core.model.counts import UNATTRIBUTED_REASONS, Counters, Reason
from esimshaper.core.model.hold import SWITCHES
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ACCOUNT_UNATTRIBUTED, FIRST_CLIENT_ACCOUNT, ClientKey
from esimshaper.core.model.limits import (
    CLASS_IN_GRANDPARENT,
    CLASS_IN_PARENT,
    CLASS_OPEN,
    CLASS_SELF,
    CLASS_URGENT,
    NO_CLASSES,
)
from esimshaper.core.model.services import HIDDEN, OTHER, UNNAMED, HeadKind
from esimshaper.edge.bpf import compiler, layouts
from esimshaper.edge.bpf.usage import BUILT_IN

BPF = Path(__file__).parents[2] / "bpf"
HEADER = (BPF / "contract.h").read_text()

NUMBERS = {name: number for number, name in BUILT_IN.items()}
COUNTERS = tuple(field.name for field in dataclasses.fields(Counters))
FIELDS = {
    "meta": (layouts.META, ("epoch", "schema", "mark_mask")),
    "account": (
        layouts.ACCOUNT,
        (
            *(f"used[{on}]" for on in range(3)),
            *("up_bytes", "down_packets", "up_packets", "wasted_bytes", "announced_at", "queued_bytes"),
        ),
    ),
    "policy": (
        layouts.POLICY,
        (
            *(f"{mark}[{on}]" for mark in ("block_at", "throttle_at", "warn_at") for on in range(3)),
            *("police_rate", "parent", "flags", *(f"classes[{n}]" for n in range(len(NO_CLASSES)))),
            *(f"{each}[{n}]" for each in ("switch_at", "switch_flags") for n in range(SWITCHES)),
        ),
    ),
    "tunnelled": (
        layouts.TUNNELLED,
        (*(f"claimed.{each}" for each in COUNTERS), "arrival_due[0]", "arrival_due[1]"),
    ),
    "tunnel_end": (layouts.TUNNEL_END, ("peer", "port", "protocol")),
    "translated_key": (
        layouts.TRANSLATED_KEY,
        ("remote", "id", "remote_port", "local_port", "protocol", "direction", "is_fragment"),
    ),
    "group_key": (layouts.GROUP_KEY, ("name",)),
    "event": (layouts.EVENT, ("packets", "bytes")),
    "client_key": (layouts.CLIENT_KEY, ("address", "kind")),
    "flow_key": (layouts.FLOW_KEY, ("remote", "local", "remote_port", "local_port", "protocol")),
    "flow": (
        layouts.FLOW,
        (
            *(f"counted.{each}" for each in COUNTERS),
            "first_seen",
            "last_seen",
            "account",
            "blocked",
            "resets",
            "upkeep",
        ),
    ),
    "moved": (
        layouts.MOVED,
        ("in_bytes", "in_packets", "out_bytes", "out_packets", "strayed_bytes", "fragment_credit"),
    ),
    "uplink": (layouts.UPLINK, ("slot", "flags")),
    "uplink_name": (layouts.UPLINK_NAME, ("name",)),
    "uplink_queue": (layouts.UPLINK_QUEUE, ("shaped", "left")),
    "counters": (layouts.COUNTERS, COUNTERS),
    "sent": (layouts.SENT, ("bytes", "frames", "shaped_bytes")),
    "fragment": (layouts.FRAGMENT, ("began", "account", "got", "total", "bytes", "packets")),
    "reserve": (layouts.RESERVE, ("until", "listed_until")),
    "leeway": (layouts.LEEWAY, ("taken", "taken_until", "names_due")),
    "fragment_key": (layouts.FRAGMENT_KEY, ("remote", "local", "id", "protocol")),
    "address_key": (layouts.ADDRESS_KEY, ("address",)),
    "network": (layouts.NETWORK, ("length", "address")),
    "service_name": (layouts.SERVICE_NAME, ("name",)),
    "usage": (layouts.USAGE, ("down_bytes", "up_bytes")),
    "rename": (layouts.RENAME, ("key", "account", "tag")),
    "binding_key": (layouts.BINDING_KEY, ("address", "account")),
    "flow_name": (layouts.FLOW_NAME, ("account", "how", "name")),
    "announcement": (layouts.ANNOUNCEMENT, ("client.address", "client.kind", "account", "kind")),
}


def compiled(tmp_path: Path, body: str) -> str:
    """What a C program prints that includes the header."""
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    source.write_text(
        f'#include "contract.h"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {{\n{body}\n}}\n'
    )
    subprocess.run(["clang", f"-I{BPF}", "-Wall", "-Werror", "-Wpadded", str(source), "-o", str(program)], check=True)
    return subprocess.run([str(program)], check=True, text=True, capture_output=True).stdout


@pytest.mark.parametrize("name", FIELDS)
def test_python_reads_each_field_where_c_writes_it(tmp_path: Path, name: str) -> None:
    layout, fields = FIELDS[name]
    lines = [f'printf("%zu\\n", offsetof(struct {name}, {field}));' for field in fields]
    printed = compiled(tmp_path, "\n".join((*lines, f'printf("%zu\\n", sizeof(struct {name}));')))
    *offsets, size = map(int, printed.split())
    assert layout.size == size
    ours = [struct.calcsize(layout.format[0] + part) for part in prefixes(layout.format[1:])]
    assert offsets == ours[: len(offsets)]


def prefixes(format_: str) -> list[str]:
    """The format up to each field: `=2Q` has fields at "" and "Q"."""
    parts: list[str] = []
    for count, kind in re.findall(r"(\d*)([a-zA-Z?])", format_):
        parts += [f"{count}s"] if kind == "s" else [kind] * int(count or 1)
    fields = [number for number, part in enumerate(parts) if part != "x"]
    return ["".join(parts[:number]) for number in fields]


def test_head_is_its_layout_and_behind_it_the_packet(tmp_path: Path) -> None:
    fields = ("key", "account", "length", "kind", "bytes")
    printed = compiled(tmp_path, "\n".join(f'printf("%zu\\n", offsetof(struct head, {field}));' for field in fields))
    *offsets, size = map(int, printed.split())
    assert offsets == [struct.calcsize(part) for part in ("=", "=40s", "=40sI", "=40sII")]
    assert layouts.HEAD.size == size


def test_reasons_are_the_same_in_c_and_python(tmp_path: Path) -> None:
    printed = compiled(tmp_path, '#define SAY(name) puts(#name);\nREASONS(SAY)\nprintf("%d", REASON_COUNT);')
    *names, count = printed.split()
    assert names == [reason.name for reason in Reason]
    assert int(count) == len(Reason)


def test_reasons_of_unattributed_bytes_are_those_marked_so() -> None:
    marked = re.findall(r"X\((\w+)\)\s*/\* U: ", HEADER)
    assert marked == [reason.name for reason in UNATTRIBUTED_REASONS]


def test_fixed_numbers_are_the_same_in_c_and_python(tmp_path: Path) -> None:
    names = (
        *("ACCOUNT_UNATTRIBUTED", "ACCOUNT_ROUTER", "ACCOUNT_FIRST_CLIENT", "CLIENT_MAC", "CLIENT_IP", "GROUPS"),
        *("POLICY_BLOCKED", "POLICY_EXEMPT", "POLICY_LIMITED", "POLICY_WITH_EVERYONE", "POLICY_UNLISTED"),
        *("POLICY_OVER_PLAN", "POLICY_SWITCHES", "POLICY_THROTTLED", "SWITCHES"),
        *("ANNOUNCE_CLIENT", "ANNOUNCE_LIMIT", "ANNOUNCE_WARN"),
        *("CLASS_OPEN", "CLASS_SELF", "CLASS_IN_PARENT", "CLASS_IN_GRANDPARENT", "CLASS_URGENT", "CLASSES"),
        *("SERVICES", "SERVICE_FIRST", "WORD_SHIFT", "TAG_FINAL", "BINDING_SHARED", "RENAMES", "HEAD_BYTES"),
        *("SERVICE_UNNAMED", "SERVICE_HIDDEN", "SERVICE_OTHER", "HEAD_OUT", "HEAD_ANSWER", "HEAD_RESOLVED"),
    )
    printed = compiled(tmp_path, "\n".join(f'printf("%d\\n", {name});' for name in names))
    ours = [
        *(
            ACCOUNT_UNATTRIBUTED,
            ACCOUNT_ROUTER,
            FIRST_CLIENT_ACCOUNT,
            layouts.MAC,
            layouts.IP,
            layouts.GROUPS,
        ),
        *(layouts.POLICY_BLOCKED, layouts.POLICY_EXEMPT, layouts.POLICY_LIMITED),
        *(layouts.POLICY_WITH_EVERYONE, layouts.POLICY_UNLISTED),
        *(layouts.POLICY_OVER_PLAN, layouts.POLICY_SWITCHES, layouts.POLICY_THROTTLED, SWITCHES),
        *(layouts.ANNOUNCE_CLIENT, layouts.ANNOUNCE_LIMIT, layouts.ANNOUNCE_WARN),
        *(CLASS_OPEN, CLASS_SELF, CLASS_IN_PARENT, CLASS_IN_GRANDPARENT, CLASS_URGENT, len(NO_CLASSES)),
        *(layouts.SERVICES, layouts.SERVICE_FIRST, layouts.WORD_SHIFT, layouts.TAG_FINAL, layouts.BINDING_SHARED),
        *(layouts.RENAMES, layouts.HEAD_BYTES),
        *(NUMBERS[name] for name in (UNNAMED, HIDDEN, OTHER)),
        *HeadKind,
    ]
    assert [int(line) for line in printed.split()] == ours


def test_every_hook_of_the_source_is_pinned_under_its_name() -> None:
    hooks = re.findall(r"^int (\w+)\(struct __sk_buff \*skb\)$", (BPF / "meter.c").read_text(), re.MULTILINE)
    assert sorted(hooks) == sorted(compiler.PROGRAMS)


@pytest.mark.parametrize(
    "client", ["02:00:00:00:00:10", "192.168.77.50", "2001:db8::5", "2001:db8:1:2:3:4:5:6", "fe80::1:2:3:4", "::1"]
)
def test_a_client_is_spelled_for_the_kernel_as_the_kernel_spells_it(client: str) -> None:
    address, kind = layouts.CLIENT_KEY.unpack(layouts.client_bytes(ClientKey(client)))
    assert layouts.client_key(address, kind) == client
