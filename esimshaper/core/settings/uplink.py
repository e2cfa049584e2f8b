# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of the settings -> the interfaces of this box that they mean now. Pure.

    written              the settings of now
    wan.interface        the same name; where the kernel calls the interface otherwise, `devices` has that name
    wwan*                the name of the interface that fits best; `others`: further ones; `stacked`: counted at another

This is the one place where a name becomes an interface: its own name, an `altname`, or the name that it had when our
programs were attached to it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from esimshaper.core.model.links import Link
from esimshaper.core.model.reading import Detour
from esimshaper.core.model.tunnels import TUNNEL_KINDS, VPN_KINDS
from esimshaper.core.model.uplinks import AUTO, BY_MODEM, BY_ROUTE, Uplink, Ways, fits
from esimshaper.core.settings.values import Settings, Stacked, Wan, shaped_at

NO_WAYS = Ways()

TUNNELS = VPN_KINDS | {*TUNNEL_KINDS}

NEVER_AN_UPLINK = TUNNELS | {"ifb", "vrf"}
"""Kinds that a pattern leaves out: each of their packets passes another interface, as what is billed."""

SEEN_BELOW = frozenset({"vlan", "ipvlan", "ipvtap"})
"""Kinds whose packets the interface below them sees as its own, both ways."""

JOINTS = frozenset({"bridge", "bond", "team"})
"""Kinds that have the IP traffic of their ports."""


def present(
    settings: Settings, links: Sequence[Link], known: Mapping[str, int] | None = None, ways: Ways = NO_WAYS
) -> Settings:
    """`settings` for the interfaces that are there now; the same object if nothing is different.

    `known`: the number of the interface where our programs are, by the name that it had when they were put there, or
    that the settings call it; so one that was renamed is found. `ways`: for an uplink whose interface is AUTO.
    """
    # What was renamed to a name of the settings is meant by that name, and by its old one no more.
    named = {link.index for link in links if set(link.names) & {*_names(settings)}}
    before = {name: index for name, index in (known or {}).items() if index not in named}
    settings = _with_uplinks(settings, links, before, ways)
    found = {name: find(name, links, before) for name in _names(settings)}
    devices = {name: link.name for name, link in found.items() if link and link.name != name}
    return settings if devices == settings.devices else replace(settings, devices=devices)


def _names(settings: Settings) -> tuple[str, ...]:
    wan = settings.wan
    uplinks = (name for each in wan.listed for name in (each.interfaces or (each.interface,)))
    tunnels = (tunnel.interface for tunnel in wan.tunnels)
    return tuple(dict.fromkeys((wan.interface, *uplinks, *settings.lan.interfaces, *tunnels)))


def find(name: str, links: Iterable[Link], known: Mapping[str, int] | None = None) -> Link | None:
    """The interface that `name` means: by its own name first, then by an `altname`, then by what is `known` of it."""
    links = tuple(links)
    by_name = (link for link in links if link.name == name)
    by_other = (link for link in links if name in link.other_names)
    before = (known or {}).get(name, 0)
    by_number = (link for link in links if link.index == before)
    return next(by_name, None) or next(by_other, None) or next(by_number, None)


def _with_uplinks(settings: Settings, links: Sequence[Link], known: Mapping[str, int], ways: Ways) -> Settings:
    """`settings` with the interfaces of each uplink: that of its name, or all that fit its pattern."""
    wan = settings.wan
    named = {
        each.name: link
        for each in wan.uplinks
        if not each.pattern and (link := find(each.interface, links, known)) is not None
    }
    inner = {*settings.lan.interfaces, *(tunnel.interface for tunnel in wan.tunnels)}
    taken = {link.index for name in inner if (link := find(name, links, known))}
    taken |= {link.index for link in named.values()}
    free = [link for link in links if link.index not in taken and link.kind not in NEVER_AN_UPLINK]
    guessed = {each.name: _guessed(each, free, known, ways) for each in wan.uplinks if each.interface == AUTO}
    fitting = {each.name: _fitting(each, free) for each in wan.uplinks if each.pattern and each.name not in guessed}
    stacked = {name: found for of_one in fitting.values() for name, found in stacks(of_one).items()}
    uplinks = [
        guessed.get(each.name)
        or replace(each, interfaces=_best_first(each, fitting[each.name], stacked) if each.pattern else _as_named(each))
        for each in wan.uplinks
    ]
    uplinks = [_asked(each, links, known, ways) if each.asks else each for each in uplinks]
    up = {name for link in links if link.up for name in link.names} | {
        each.interface for each in wan.uplinks if each.name in named and named[each.name].up
    }
    found = _shaped_where_up(wan, uplinks, up)
    found = replace(found, stacked=tuple(stacked[name] for name in sorted(stacked)))
    return settings if found == wan else replace(settings, wan=found)


def _asked(uplink: Uplink, links: Sequence[Link], known: Mapping[str, int], ways: Ways) -> Uplink:
    """The uplink as NetworkManager takes it: metered, if one of its interfaces is, or nothing is known of it."""
    there = [link.name for name in uplink.interfaces if (link := find(name, links, known))]
    said = [ways.metered.get(name, True) for name in there]
    return replace(uplink, metered=any(said) or not said)


def _as_named(uplink: Uplink) -> tuple[str, ...]:
    return (uplink.interface,)


def _guessed(uplink: Uplink, free: Iterable[Link], known: Mapping[str, int], ways: Ways) -> Uplink:
    """The uplink at the interface that leads out now; while none does, at the one that did last."""
    # What has been a modem's is never handed over to a mere route: the modem resets, the route goes by hotel Wi-Fi
    # meanwhile, and its bytes would be those of the plan. After a start, the interface of our programs is the last one.
    there = {name: link for link in free for name in link.names}
    sources = [(BY_MODEM, ways.modems)]
    if uplink.found_by != BY_MODEM:
        no_vpn = tuple(name for name in ways.routes if name in there and there[name].kind != "tun")
        sources += [(BY_ROUTE, no_vpn)]
    if not uplink.found_by:
        sources += [("", tuple(name for name, link in there.items() if link.index in known.values()))]
    for by, names in sources:
        found = next((there[name].name for name in names if name in there), "")
        if found:
            return replace(uplink, interfaces=(found,), found_by=by)
    return replace(uplink, interfaces=uplink.interfaces[:1] or (uplink.interface,))


def _fitting(uplink: Uplink, links: Iterable[Link]) -> list[Link]:
    return [link for link in links if any(fits(name, uplink.pattern) for name in link.names)]


def _best_first(uplink: Uplink, fitting: Iterable[Link], stacked: Collection[str]) -> tuple[str, ...]:
    """The names of those that fit; while none does, the name of the last one that did."""
    # A modem that came back is newer than its predecessor.
    best = sorted((each for each in fitting if each.name not in stacked), key=lambda each: (each.up, each.index))
    names = [link.name for link in reversed(best)]
    return (*names[:1], *sorted(names[1:])) or uplink.interfaces[:1] or (uplink.interface,)


def _shaped_where_up(wan: Wan, uplinks: Sequence[Uplink], up: Collection[str]) -> Wan:
    """`wan` with its uplinks as they are now: traffic is shaped at the first one that is up."""
    shaped = next((each for each in uplinks if each.interfaces[0] in up), uplinks[0])
    found = shaped_at(wan, shaped)
    others = (name for each in (shaped, *uplinks) for name in each.interfaces if name != found.interface)
    listed = tuple(uplinks) if wan.listed else ()
    return replace(found, others=tuple(dict.fromkeys(others)), listed=listed)


def stacks(links: Collection[Link]) -> dict[str, Stacked]:
    """Those of `links` that stand on one another and are left out, by their names."""
    # What each kind of stack does with the two hooks (Linux 6.1 to 6.18, net/core/dev.c and the drivers):
    #   VLAN, ipvlan   the base sees every packet both ways, as its own              -> the base alone
    #   bridge, bond   the ports see them too, but those to another MAC not as ours  -> the bridge alone
    #   macvlan        the base sees uploads; downloads go to another MAC            -> both, each packet at one of them
    #   qmimux, rmnet  the base sees frames of another protocol than IP              -> both, the base counts nothing
    by_index = {link.index: link for link in links}
    below = {link.index: at for link in links if (at := _base_that_sees(link, by_index))}
    for joint in (link for link in links if link.kind in JOINTS):
        ports = [link for link in links if link.master == joint.index]
        bases = {below[port.index].index: below[port.index] for port in ports if port.index in below}
        if ports and len(bases) == 1 and all(port.index in below for port in ports):
            (at,) = bases.values()
            below |= {joint.index: at} if at.address == joint.address else {}
    sees = "which sees all of its packets"
    found = {(name := by_index[index].name): Stacked(name, at.name, sees, index) for index, at in below.items()}
    for link in links:
        joint_above = by_index.get(link.master)
        if joint_above and joint_above.kind in JOINTS and joint_above.index not in below:
            has = "which has the IP packets of its ports"
            found[link.name] = Stacked(link.name, joint_above.name, has, port=link.index)
    return found


def _base_that_sees(link: Link, links: Mapping[int, Link]) -> Link | None:
    """The lowest interface that sees all packets of this one as its own; None if there is none."""
    below = list(_bases_that_see(link, links))
    return below[-1] if below else None


def _bases_that_see(link: Link, links: Mapping[int, Link]) -> Iterator[Link]:
    """All such interfaces, from the next one below to the lowest."""
    seen = {link.index}
    while (base := links.get(link.base)) and base.index not in seen:
        if link.kind not in SEEN_BELOW and not (link.kind.startswith("macv") and link.address == base.address):
            return
        yield base
        seen.add(base.index)
        link = base


def belonging(settings: Settings, links: Sequence[Link]) -> Mapping[int, str]:
    """The name of the uplink that each interface belongs to, by its number; also where it is counted at another one."""
    named = {name: each.name for each in settings.uplinks for name in each.interfaces}
    found = {
        link.index: uplink for name, uplink in named.items() if (link := find(settings.device(name), links)) is not None
    }
    stacked = {
        index: named[each.at] for each in settings.wan.stacked if each.at in named for index in (each.index, each.port)
    }
    return found | {index: uplink for index, uplink in stacked.items() if index}


def detour_of(settings: Settings, links: Sequence[Link], routes: Sequence[str], proxies: Sequence[str] = ()) -> Detour:
    """The detour that devices make, if `routes` are the interfaces by which they reach the Internet.

    proxies: rules that turn their connections round to a program of the router.
    """
    names = _uncounted(settings, links, routes)
    kinds = {link.name: link.kind for link in links}
    wan = settings.wan.interface
    said = []
    for name in names:
        if kinds.get(name) in TUNNELS | {"tun"}:
            said.append(
                f"devices reach the Internet by {name}, not by {wan} itself. If {name} is a tunnel of this router over "
                f"{wan}, what devices use there is booked to `router` (by a translator, such as that of 464XLAT, to "
                "`unattributed`), and their limits do not hold: name it under wan.tunnels. If it is the modem's own, "
                "name it under wan.interface"
            )
        else:
            said.append(
                f"devices reach the Internet by {name}, not by {wan}: what passes there is not counted or limited. "
                "That is right for a link without a bill, such as hotel Wi-Fi; else name it under wan.interface"
            )
    if proxies:
        said.append(
            f"{proxies[0]} turns connections of devices round to a program of this router: what passes it is booked to "
            "`router`, and no limit of a device holds there but a block"
        )
    return Detour(names, "; ".join(said), bool(routes))


def _uncounted(settings: Settings, links: Sequence[Link], routes: Iterable[str]) -> tuple[str, ...]:
    """Those of `routes` whose packets no program of ours sees."""
    by_name, by_index = ({link.name: link for link in links}, {link.index: link for link in links})
    wan = settings.wan
    counted = {*map(settings.device, (wan.interface, *wan.others)), *(each.interface for each in wan.stacked)}
    counted |= {settings.device(tunnel.interface) for tunnel in wan.tunnels}

    def is_counted(name: str) -> bool:
        link = by_name.get(name)
        bases = _bases_that_see(link, by_index) if link else ()
        return name in counted or any(each.name in counted for each in bases)

    # A name that is not there was renamed between the two looks: the next look has its new one.
    return tuple(name for name in dict.fromkeys(routes) if name in by_name and not is_counted(name))
