# SPDX-License-Identifier: GPL-2.0-or-later
"""A ModemManager that tests drive: a template of python-dbusmock, with the objects and the types of ModemManager 1.20.

Beside the methods of dbusmock itself: `Plug` adds a modem with a SIM and a connection, `Unplug` removes it.
"""

import dbus
import dbus.service
from dbusmock import MOCK_IFACE, get_object

BUS_NAME = MAIN_IFACE = "org.freedesktop.ModemManager1"
MAIN_OBJ = "/org/freedesktop/ModemManager1"
SYSTEM_BUS = True
IS_OBJECT_MANAGER = True

CONNECTED, NETWORK, ROAMING = dbus.Int32(11), dbus.UInt32(2), dbus.UInt32(5)
STATS = {
    "rx-bytes": dbus.UInt64(1_000),
    "tx-bytes": dbus.UInt64(100),
    "total-rx-bytes": dbus.UInt64(123_456),
    "total-tx-bytes": dbus.UInt64(7_890),
    "attempts": dbus.UInt32(1),
    "start-date": dbus.UInt64(1_790_000_000),
}


def load(mock, parameters):
    """Nothing is there until a modem is plugged in."""


@dbus.service.method(MOCK_IFACE, in_signature="us", out_signature="")
def Plug(self, number, iccid):  # noqa: N802 - D-Bus begins methods with a capital
    modem, sim, bearer = (f"{MAIN_OBJ}/{kind}/{number}" for kind in ("Modem", "SIM", "Bearer"))
    self.AddObject(
        sim,
        f"{BUS_NAME}.Sim",
        {"SimIdentifier": iccid, "Imsi": "440100123456789", "Active": True, "SimType": dbus.UInt32(2)},
        [],
    )
    self.AddObject(
        bearer,
        f"{BUS_NAME}.Bearer",
        {"Connected": True, "Interface": "wwan0", "Stats": dbus.Dictionary(STATS, signature="sv")},
        [],
    )
    self.AddObject(
        modem,
        f"{BUS_NAME}.Modem",
        {
            "State": CONNECTED,
            "Sim": dbus.ObjectPath(sim),
            "Bearers": dbus.Array([dbus.ObjectPath(bearer)], signature="o"),
            "Ports": dbus.Array([("cdc-wdm0", dbus.UInt32(6)), ("wwan0", NETWORK)], signature="(su)"),
        },
        [],
    )
    there = get_object(modem)
    there.AddProperties(
        f"{BUS_NAME}.Modem.Modem3gpp",
        {"RegistrationState": ROAMING, "OperatorCode": "44020", "OperatorName": "SoftBank"},
    )
    zone = dbus.Dictionary({"offset": dbus.Int32(540)}, signature="sv")
    there.AddProperties(f"{BUS_NAME}.Modem.Time", {"NetworkTimezone": zone})
    _tell(self, "InterfacesAdded", "oa{sa{sv}}", [dbus.ObjectPath(modem), there.props])


@dbus.service.method(MOCK_IFACE, in_signature="u", out_signature="")
def Unplug(self, number):  # noqa: N802
    for kind in ("Modem", "SIM", "Bearer"):
        self.RemoveObject(f"{MAIN_OBJ}/{kind}/{number}")
    path = dbus.ObjectPath(f"{MAIN_OBJ}/Modem/{number}")
    _tell(self, "InterfacesRemoved", "oas", [path, [f"{BUS_NAME}.Modem"]])


def _tell(self, member, signature, arguments):
    self.EmitSignal("org.freedesktop.DBus.ObjectManager", member, signature, arguments)
