# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `wan`, or a list of such blocks -> the uplinks, their rates and tunnels. Pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from esimshaper.core.model.uplinks import AUTO, ONLY_UPLINK, Uplink
from esimshaper.core.settings.amounts import rate_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.unbilled import unbilled_from
from esimshaper.core.settings.values import Tunnel, Wan, shaped_at

_HINT = "A `*` may stand at the end only: wwan* for wwan0, wwan1 ..."


def wan_blocks(tree: Block) -> Sequence[Block]:
    """The block of each uplink: one, or those of a list."""
    return tree.blocks("wan") if isinstance(tree.get("wan"), list) else (tree.block("wan"),)


def wan_from(tree: Block) -> Wan | None:
    """All uplinks as one side; None if one of them is wrong. The interface of one that is alone may be left out."""
    blocks = wan_blocks(tree)
    is_list = isinstance(tree.get("wan"), list)
    names: set[str] = set()
    alone = None if is_list else ONLY_UPLINK
    uplinks = [_uplink(block, names, alone) for block in blocks]
    tunnels = tuple(tunnel for block in blocks for each in block.blocks("tunnels") if (tunnel := _tunnel(each)))
    unbilled = tuple(dict.fromkeys(network for block in blocks for network in unbilled_from(block)))
    found = tuple(filter(None, uplinks))
    if len(found) < len(uplinks) or not found:
        return None
    first = found[0]
    wan = Wan(first.interface, tunnels=tunnels, unbilled=unbilled)
    if not is_list and first.metered and not first.asks:
        return replace(shaped_at(wan, first), name=first.name, pattern=first.pattern)
    return replace(shaped_at(wan, first), listed=found)


def _uplink(block: Block, names: set[str], default: str | None) -> Uplink | None:
    """The uplink, whose name is added to `names`. A wrong name, or one of `names`, adds a problem."""
    interface = block.parse("interface", _interface, _HINT) if block.has("interface") or default is None else AUTO
    download, upload = (rate_from(block, key) for key in ("download", "upload"))
    name, metered = block.name() or default, block.get("metered", "yes")
    if name in names:
        block.refuse("name", f"the name `{name}` is used twice", "Give each uplink a name of its own.")
    if name is None or interface is None:
        return None
    if interface == AUTO and metered != "yes":
        block.refuse(
            "metered", "an uplink that is not always metered needs its interface", "Write `interface` as well."
        )
    if not name.isprintable():
        block.refuse("name", "the name has invisible characters", "Choose another name, for example cellular.")
    names.add(name)
    return Uplink(
        name,
        interface,
        metered != "no",
        download=download,
        upload=upload,
        replace_qdisc=block.get("replace_qdisc", False),
        asks=metered == "auto",
        measure=block.get("measure", True),
    )


def _interface(name: str) -> str:
    if "*" in name[:-1] or name == "*":
        raise ValueError(f"`{name}` does not name an uplink")
    return name


def _tunnel(tunnel: Block) -> Tunnel | None:
    interface, port, protocol = tunnel.get("interface"), tunnel.get("port"), tunnel.get("protocol", "")
    peer = tunnel.parse("peer", _address, "Write the IP address of the VPN's server, for example 198.51.100.7.")
    if protocol and port is None:
        tunnel.refuse("protocol", "a protocol needs its port", "Write the port as well, or leave both out.")
    return None if interface is None else Tunnel(interface, int(port or 0), protocol, peer or "")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address") from None
