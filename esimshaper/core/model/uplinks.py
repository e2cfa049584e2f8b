# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the ways to the Internet: each uplink is metered for itself. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

AUTO = "auto"
"""In the place of an interface: the one that ModemManager names, else the one of the default route."""

BY_MODEM, BY_ROUTE = "ModemManager", "the default route"
"""Who has named the interface of such an uplink."""

NO_UPLINK = "no uplink is found yet: ModemManager names no interface, and no default route leads out"

ONLY_UPLINK = "wan"
"""The name of the one uplink of a configuration that gives it none."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """One way to the Internet; what differs between several of them. Rates in bit/s, None if the file has none.

    interface: as the file names it, with `*` at its end for all that begin so, or AUTO. interfaces: those that it means
    now, as the settings call them, the one that fits best first. found_by: with AUTO, who has named it; empty while
    nobody has. metered: quotas that name no uplink count what passes it. asks: metered is what NetworkManager says
    (`metered: auto`), and true while it says nothing. measure: where its carrier is slow without saying so, the link is
    held below what was measured.
    """

    name: str
    interface: str
    metered: bool = True
    download: int | None = None
    upload: int | None = None
    replace_qdisc: bool = False
    interfaces: tuple[str, ...] = ()
    found_by: str = ""
    asks: bool = False
    measure: bool = True

    @property
    def pattern(self) -> str:
        """`interface` if it means others than itself, else empty."""
        return self.interface if self.interface.endswith("*") or self.interface == AUTO else ""


@dataclass(frozen=True, slots=True)
class Ways:
    """The interfaces that lead out, the best first: by ModemManager, and by the routing of the box.

    metered: interfaces of which NetworkManager says so, or that they are not.
    """

    modems: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    metered: Mapping[str, bool] = field(default_factory=dict)


ALONE = (Uplink(ONLY_UPLINK, ""),)


def fits(name: str, written: str) -> bool:
    """Whether the interface `name` is meant by `written`: a whole name, or the beginning of names and `*`."""
    return name.startswith(written[:-1]) if written.endswith("*") else name == written
