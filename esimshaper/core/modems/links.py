# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties of NetworkManager's devices -> which interfaces it takes for metered. Pure.

Names and numbers are those of org.freedesktop.NetworkManager.Device.xml (NMMetered), the same since 1.0.6.
"""

from collections.abc import Iterable

from esimshaper.core.modems.properties import Properties, interface_of

NAME = "org.freedesktop.NetworkManager"
DEVICE = f"{NAME}.Device"

_METERED = {1: True, 2: False, 3: True, 4: False}
"""Yes, no, and as it guesses; 0 is unknown."""


def metered_of(devices: Iterable[Properties]) -> dict[str, bool]:
    """Whether NetworkManager takes an interface for metered; those of which it knows nothing are left out."""
    found: dict[str, bool] = {}
    for device in devices:
        metered = device.get("Metered")
        name = interface_of(device.get("IpInterface")) or interface_of(device.get("Interface"))
        if name and isinstance(metered, int) and metered in _METERED:
            found[name] = _METERED[metered]
    return found
