# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: clients, a travel router with NAT, and a carrier that keeps the bill, in network namespaces.

Shared by `esimshaper demo`, the tests under tests/netns and `make bench`. Start reading at world.py.

    clients --veth-- br0 [router] wan0 --carrier process-- gw0 [internet: servers]
"""

from esimshaper.lab.bill import Bill
from esimshaper.lab.carrier import BillIncomplete, Carrier, Shape, WanKind
from esimshaper.lab.namespaces import Host, LabUnavailable
from esimshaper.lab.world import Lab

__all__ = ["Bill", "BillIncomplete", "Carrier", "Host", "Lab", "LabUnavailable", "Shape", "WanKind"]
