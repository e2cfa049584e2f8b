# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the ways to the Internet: each uplink is metered for itself. Pure: values only."""

from dataclasses import dataclass

ONLY_UPLINK = "wan"
"""The name of the one uplink of a configuration that gives it none."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """One way to the Internet; what differs between several of them. Rates in bit/s, None if the file has none.

    interface: as the file names it, with `*` at its end for all that begin so. interfaces: those that it means now, as
    the settings call them, the one that fits best first. metered: quotas that name no uplink count what passes it.
    """

    name: str
    interface: str
    metered: bool = True
    download: int | None = None
    upload: int | None = None
    replace_qdisc: bool = False
    interfaces: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """`interface` if it is a pattern, else empty."""
        return self.interface if self.interface.endswith("*") else ""


ALONE = (Uplink(ONLY_UPLINK, ""),)
