# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `meter`, with the mark mask if there is one -> the room of the kernel part. Pure."""

from esimshaper.core.model.identity import BUILT_IN_CLIENTS
from esimshaper.core.model.kernel import CARRIED_ACCOUNTS, NO_MARK
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import MeterRoom

MAX_CLIENTS = 1024
"""How many clients are counted one by one when neither the file nor the mark mask says less."""

CLIENTS_WITHOUT_MARK = 253
"""The same where no bit of the mark is ours: as many as with the eight bits that were the default once."""


def meter_from(tree: Block) -> MeterRoom | None:
    """The sizes of the kernel's maps; None where the mask cannot number clients, or something is missing.

    Adds a problem where `meter.max_clients` has more clients than can be numbered, or too few for those with a name.
    """
    lan, meter = tree.block("lan"), tree.block("meter")
    capacity = lan.parse(
        "mark_mask",
        _capacity,
        "At least 2 bits in one piece are needed, for example 0xff000000 (253 clients) or 0xfff00000 (4093).",
    )
    if capacity is None:
        return None
    wanted, flows = meter.get("max_clients"), meter.get("max_flows")
    mask = int(lan.get("mark_mask"))
    if wanted is not None and wanted > capacity:
        _refuse_too_many(meter, int(wanted), mask, capacity)
    room = min(MAX_CLIENTS if mask else CLIENTS_WITHOUT_MARK, capacity) if wanted is None else min(wanted, capacity)
    _check_named_clients(tree, int(room), capacity)
    return None if flows is None else MeterRoom(int(room), int(flows))


def _refuse_too_many(meter: Block, wanted: int, mask: int, capacity: int) -> None:
    bits = (wanted + len(BUILT_IN_CLIENTS) - 1).bit_length()
    if mask == NO_MARK:
        message = f"{wanted} clients are more than a packet can carry the number of, which is {capacity}"
        example = ((1 << bits) - 1) << (32 - bits)
        hint = (
            f"Set max_clients to {capacity} or less, or let the packet mark carry the number: mark_mask: {example:#x}."
        )
    else:
        message = f"{wanted} clients do not fit into lan.mark_mask {mask:#010x}, which can number {capacity}"
        hint = f"Set max_clients to {capacity} or less, or give the mask {bits} bits."
    meter.refuse("max_clients", message, hint)


def _check_named_clients(tree: Block, room: int, capacity: int) -> None:
    named = len(tree.get("clients", ()))
    if named > room:
        message = f"{named} clients are named, but only {room} can be counted one by one"
        hint = f"Write `meter: {{max_clients: {named}}}`, or more, to leave room for devices that are not listed."
        if named > capacity:
            hint = "Give lan.mark_mask more bits, and raise meter.max_clients where it is set."
        tree.refuse(("clients", room), message, hint)


def _capacity(mask: int) -> int:
    if mask == NO_MARK:
        return CARRIED_ACCOUNTS - len(BUILT_IN_CLIENTS)
    try:
        return mask_capacity(int(mask))
    except ValueError as error:
        raise ValueError(f"`{int(mask):#010x}` cannot number clients: {error}") from None


def mask_capacity(mask: int) -> int:
    """How many clients the bits of a mark mask can number beside the built-in ones.

    Raises ValueError unless `mask` is one run of at least 2 bits: an account is shifted into it as a whole.
    """
    run = mask // (mask & -mask) if mask else 0
    if run & (run + 1):
        raise ValueError("the bits are not in one piece")
    if run < 3:
        raise ValueError("fewer than 2 bits are set")
    return run + 1 - len(BUILT_IN_CLIENTS)
