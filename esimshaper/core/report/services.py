# SPDX-License-Identifier: GPL-2.0-or-later
"""What bytes were for -> the document of `esimshaper services`, and parts of others. Pure.

The frame is as in documents.py.

volume    {"down_bytes": int, "up_bytes": int, "total_bytes": int}
service   volume + {"service": name, "category": str or null, "titles": {language: name for people},
                    "about": sentence or "", "now": rate,
                    "clients": [volume + the names of a client]}, those with most of it
services  {"counted": bool, false where the settings or an old kernel part leave services out,
           "since", "since_unix", "client": as written, or null for everyone,
           "category": str or null, "service": name or null,     what was asked for
           "total": volume of these clients, all services together; `services` without a choice have the same sum,
           "services": [service], most bytes first,
           "categories": [volume + {"category": str or null}]}, of these services, most bytes first
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Sums
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.proportion import in_proportion
from esimshaper.core.model.requests import ServicesQuery
from esimshaper.core.model.services import BUILT_IN, HIDDEN, NO_VOLUME, UNNAMED, Service, ServiceUsage, Volume
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, names, new_document
from esimshaper.core.report.subjects import find_many

MOST_CLIENTS = 5
"""So many are named of each service."""

_NAMELESS = ("unnamed_bytes", "hidden_bytes")

Volumes = Mapping[str, Volume]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asks for: clients, written as `client` (None: all), of a category, or one service; "" for any."""

    clients: Collection[ClientKey] | None = None
    client: str = ""
    category: str = ""
    service: str = ""


def services_document(state: State, facts: DaemonFacts, since: int, used: Sums, choice: Choice) -> Document:
    """See the module's docstring. `used`: since then, of the chosen clients, with what is pending."""
    by_service: defaultdict[str, dict[ClientKey, Volume]] = defaultdict(dict)
    for client, volumes in services_by_client(used).items():
        for name, volume in volumes.items():
            by_service[name][client] = volume
    rates = _rates(state, choice.clients)
    entries = [
        _service_entry(state, facts, name, by_service.get(name, {}), rates.get(name, NO_VOLUME))
        for name in {**by_service, **rates}
    ]
    entries = [each for each in entries if _is_chosen(each, choice)]
    entries.sort(key=lambda entry: (-entry["total_bytes"], entry["service"]))
    total = sum((_volume(counters) for counters in used.usage.values()), NO_VOLUME)
    return new_document(facts.now) | {
        "counted": is_counted(state),
        **moment("since", since, facts.now.tzinfo),
        "client": choice.client or None,
        "category": choice.category or None,
        "service": choice.service or None,
        "total": volume_entry(total),
        "services": entries,
        "categories": _categories(entries),
    }


def find_choice(state: State, facts: DaemonFacts, query: ServicesQuery) -> Choice:
    """What a person asks for; a word in the place of a client may also be a service or a category.

    Raises ValueError, with one sentence, for a client, a category or a service that nobody knows.
    """
    services, categories = _services_by_word(state, facts), _categories_by_word(facts)
    category = _find(query.category, categories, "category")
    service = _find(query.service, services, "service")
    if not query.client:
        return Choice(None, "", category, service)
    if clients := find_many(state, query.client, facts):
        return Choice(clients, query.client, category, service)
    word = _plain(query.client)
    if word not in {**services, **categories}:
        raise ValueError(f"there is no client {query.client!r}; `esimshaper clients` lists them")
    return Choice(None, "", category or categories.get(word, ""), service or services.get(word, ""))


def _services_by_word(state: State, facts: DaemonFacts) -> Mapping[str, str]:
    """Names of services by what people write for them: the name itself, or what it is called in some language."""
    titles = {_plain(title): each.name for each in facts.catalogue.values() for title in each.titles.values()}
    counted = state.meter.reading.service_names.values() if state.meter.reading else ()
    return {**titles, **{name: name for name in (*counted, *facts.catalogue, *BUILT_IN)}}


def _categories_by_word(facts: DaemonFacts) -> Mapping[str, str]:
    return {HIDDEN: HIDDEN, **{each.category: each.category for each in facts.catalogue.values() if each.category}}


def _plain(written: str) -> str:
    return "-".join(written.lower().split())


def _find(written: str, known: Mapping[str, str], what: str) -> str:
    word = _plain(written)
    if not word or word in known:
        return known.get(word, "")
    near = get_close_matches(word, known, n=1)
    advice = f"did you mean `{known[near[0]]}`?" if near else "`esimshaper services --since month` shows what there is"
    raise ValueError(f"there is no {what} `{written}`; {advice}")


def is_counted(state: State) -> bool:
    """Whether the kernel part counts services."""
    return bool(state.meter.reading and state.meter.reading.service_names)


def named(counters: Counters, services: Volumes) -> dict[str, Volume]:
    """What all of `counters` was for, with `unnamed`; no part is below zero, and the sum is that of `counters`.

    A service that lost bytes of an earlier time to another one has none, and the others so much less.
    """
    found = with_unnamed(counters, services)
    down = _level({name: volume.down_bytes for name, volume in found.items()})
    up = _level({name: volume.up_bytes for name, volume in found.items()})
    return {name: volume for name in found if (volume := Volume(down[name], up[name]))}


def with_unnamed(counters: Counters, services: Volumes) -> dict[str, Volume]:
    """`services` and what they leave of `counters`."""
    return {**services, UNNAMED: _volume(counters) - sum(services.values(), NO_VOLUME)}


def services_in_short(state: State, key: ClientKey, today: Counters, services: Volumes) -> Document:
    """The busiest services of a client, and what of today has none; all null where services are not counted."""
    if not is_counted(state):
        return dict.fromkeys(("now", "today", *_NAMELESS))
    volumes = named(today, services)
    return {
        "now": _busiest(state.rates.by_service.get(key, {})),
        "today": _busiest(volumes),
        "unnamed_bytes": volumes.get(UNNAMED, NO_VOLUME).total_bytes,
        "hidden_bytes": volumes.get(HIDDEN, NO_VOLUME).total_bytes,
    }


def nameless(clients: Iterable[Document]) -> Document:
    """What has no service, of several services_in_short together."""
    entries = list(clients)
    sums = {key: [entry[key] for entry in entries if entry[key] is not None] for key in _NAMELESS}
    return {key: sum(sizes) if sizes else None for key, sizes in sums.items()}


def _busiest(volumes: Volumes) -> str | None:
    """The service with most bytes; None where there are none."""
    return max(volumes, key=lambda name: (volumes[name].total_bytes, name)) if volumes else None


def volume_entry(volume: Volume) -> Document:
    """A `volume` of documents."""
    return {"down_bytes": volume.down_bytes, "up_bytes": volume.up_bytes, "total_bytes": volume.total_bytes}


def titles_of(name: str, catalogue: Mapping[str, Service]) -> dict[str, str]:
    """What people call a service, by language; empty for what is none."""
    return dict(catalogue[name].titles) if name in catalogue else {}


def category_of(service: str, catalogue: Mapping[str, Service]) -> str | None:
    """Its category; None if it has none. A service that no catalogue has any more has none either."""
    known = catalogue.get(service)
    return known.category if known else HIDDEN if service == HIDDEN else None


def service_entries(volumes: Volumes) -> list[Document]:
    """Services by name, most bytes first."""
    ranked = sorted(volumes, key=lambda name: (-volumes[name].total_bytes, name))
    return [{"service": name, **volume_entry(volumes[name])} for name in ranked]


def _volume(counters: Counters) -> Volume:
    return Volume(counters.down_bytes, counters.up_bytes)


def _level(sizes: Mapping[str, int]) -> Mapping[str, int]:
    missing = -sum(size for size in sizes.values() if size < 0)
    if not missing:
        return sizes
    above = {name: size for name, size in sizes.items() if size > 0}
    cut = in_proportion(min(missing, sum(above.values())), above)
    return {name: max(0, size) - cut.get(name, 0) for name, size in sizes.items()}


def _rates(state: State, clients: Collection[ClientKey] | None) -> Volumes:
    """Bytes per second by service, of some clients or all."""
    rates: dict[str, Volume] = {}
    for client, volumes in state.rates.by_service.items():
        if clients is None or client in clients:
            for name, volume in volumes.items():
                rates[name] = rates.get(name, NO_VOLUME) + volume
    return rates


def _service_entry(
    state: State, facts: DaemonFacts, name: str, by_client: Mapping[ClientKey, Volume], rate: Volume
) -> Document:
    known = facts.catalogue.get(name, Service(name))
    most = sorted(by_client, key=lambda key: (-by_client[key].total_bytes, key))[:MOST_CLIENTS]
    return {
        "service": name,
        "category": category_of(name, facts.catalogue),
        "titles": dict(known.titles),
        "about": known.about,
        **volume_entry(sum(by_client.values(), NO_VOLUME)),
        "now": {"down_bits_per_second": rate.down_bytes * 8, "up_bits_per_second": rate.up_bytes * 8},
        "clients": [{**names(identity(state, key)), **volume_entry(by_client[key])} for key in most],
    }


def _is_chosen(entry: Document, choice: Choice) -> bool:
    return choice.category in ("", entry["category"]) and choice.service in ("", entry["service"])


def _categories(entries: Collection[Document]) -> list[Document]:
    sums: dict[str | None, Volume] = {}
    for entry in entries:
        more = Volume(entry["down_bytes"], entry["up_bytes"])
        sums[entry["category"]] = sums.get(entry["category"], NO_VOLUME) + more
    ranked = sorted(sums, key=lambda category: (-sums[category].total_bytes, category or ""))
    return [{"category": category, **volume_entry(sums[category])} for category in ranked]


def services_by_client(used: Sums) -> ServiceUsage:
    """What each client's bytes were for, with `unnamed`."""
    return {client: named(counters, used.services.get(client, {})) for client, counters in used.usage.items()}
