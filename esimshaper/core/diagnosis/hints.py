# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what devices are told of the link. Pure; the rules are those of findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.kernel import METERED_HINT

_CHECK = "metered"

# Of dnsmasq it is forced, as NetworkManager on laptops does not ask for option 43.
_BY_SERVER = {
    "dnsmasq": f"echo dhcp-option-force=43,{METERED_HINT} | sudo tee /etc/dnsmasq.d/metered.conf; "
    "sudo systemctl restart dnsmasq",
    "systemd-networkd": f"write SendOption=43:string:{METERED_HINT} under [DHCPServer] of the LAN's .network file; "
    "sudo networkctl reload",
}
_BY_NETWORK_MANAGER = "sudo nmcli connection modify UPLINK connection.metered yes; NetworkManager then tells devices"


def _metered(facts: BoxFacts) -> Findings:
    """Android, ChromeOS and Linux hold back backups and updates on a link that DHCP calls metered; others do not."""
    files = facts.metered_hints
    yield from _of_this_box(facts)
    servers = {file.format: file.path for file in facts.leases or () if file.format in _BY_SERVER}
    if facts.wanted is None or files is None:
        return
    if files:
        yield Finding.ok(_CHECK, f"Devices are told by DHCP that the link is metered ({files[0]}).")
    elif servers:
        server, path = next(iter(servers.items()))
        hint = _BY_NETWORK_MANAGER if "NetworkManager" in path else _BY_SERVER[server]
        sentence = (
            "Devices are not told that the link is metered. Told by DHCP, Android, ChromeOS and Linux hold back "
            "backups and updates by themselves, from when they renew their leases."
        )
        yield Finding.note(_CHECK, sentence, hint)


def _of_this_box(facts: BoxFacts) -> Findings:
    """What programs of the router itself ask before they fetch updates (GNetworkMonitor, PackageKit)."""
    wan = facts.wanted.wan if facts.wanted else ""
    if facts.modems and facts.modems.metered.get(wan) is False:
        sentence = (
            f"NetworkManager takes {wan} for a link that is not metered, so this box fetches updates when it likes."
        )
        hint = f'nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show {wan})" connection.metered yes'
        yield Finding.note(_CHECK, sentence, hint)


CHECKS = (_metered,)
