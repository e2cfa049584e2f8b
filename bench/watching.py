# SPDX-License-Identifier: GPL-2.0-or-later
"""Is abnormal use noticed, and nothing else? The watch and what others do, on made-up lives. In: a Place. Out: Rows.

An alarm on a life without leaks is false. Of two weeks the second counts: in the first the watch learns. What the first
one has, as after seven days, stands beside it.
Known leaks are put beside ordinary life at random moments from the second day on, into copies of what the watch knew.
"""

import random
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

from bench import lives, other_lives, third_lives
from bench.lives import MB, STEP, STEPS_A_DAY, Leak, Life
from bench.place import Place
from bench.rows import Row, aim
from bench.watched import RIVALS, Alarm, Watched, about, by_step, rival, watch

SEEDS, QUICK_SEEDS = 50, 2
FALSE_AIM, UNNOTICED_AIM, LATE_AIM, TICK_AIM, MEMORY_AIM = 1.0, 15, 5, 1.0, 2000
DAYS, WEEK = 14, 7 * STEPS_A_DAY
KNOWN = {"5 % of the day in a minute down": (900_000, 27_000, 60), "2.5 % in five minutes up": (3_000, 95_000, 300)}
"""Bytes a second down and up, and the seconds within which people are to hear of it."""
CROWD = 1024

OTHERS: dict[str, Callable[..., Life]] = {"other": other_lives.life, "third": third_lives.life}
"""Lives by other rules: nothing of the watch was chosen by them."""
OURS = "watch"


class Paced(NamedTuple):
    """Of a day: whether its quota ran out; seconds from the notice to that (None: no notice before), or a notice."""

    ran_out: bool
    ahead: int | None
    is_told: bool


class Seen(NamedTuple):
    """Of one seed: false alarms of the second week by method; how many devices; leaks, and those told of by method.

    first: false alarms of the first week, by method.
    """

    false: dict[str, int]
    devices: int
    leaks: int
    told: dict[str, int]
    paces: tuple["Paced", ...] = ()
    first: Mapping[str, int] = MappingProxyType({})


class Trial(NamedTuple):
    """Seconds after which a leak was noted down (None: too late), and whether people were told in time."""

    noted: int | None
    is_told: bool


class Question(NamedTuple):
    """A home, or one of OTHERS, and a seed."""

    home: str
    seed: int


def rows(place: Place) -> Iterator[Row]:
    """Three plans, two lives by other rules, leaks that are known, and what a tick costs."""
    seeds = range(QUICK_SEEDS if place.quick else SEEDS)
    homes = ["A"] if place.quick else [*(home.name for home in lives.HOMES), *OTHERS]
    for home in homes:
        yield from _of_home(home, _all(seen, [Question(home, seed) for seed in seeds]))
    for what, found in _known(_all(trials, seeds)).items():
        noted = [each.noted for each in found if each.noted is not None]
        told = 100 * sum(each.is_told for each in found) / len(found)
        after = f"after {median(noted):.0f} s in the median" if noted else "never"
        detail = f"{len(found)} trials; noted down {after}, told at once in {told:.0f} %, usual for the rest"
        late = 100 * (1 - len(noted) / len(found))
        yield aim(f"{what}: not noticed within {KNOWN[what][2]} s", late, "%", LATE_AIM, detail)
    yield aim(f"a tick of the watch with {CROWD:,} clients that all move", tick_of_a_crowd(), "ms", TICK_AIM)
    yield aim("memory of the watch for each of them", memory_of_a_crowd(), "B", MEMORY_AIM)


def _of_home(home: str, found: Iterable[Seen]) -> Iterator[Row]:
    all_of_it = list(found)
    weeks, leaks = sum(each.devices for each in all_of_it), sum(each.leaks for each in all_of_it)
    for method in (OURS, *RIVALS):
        false = sum(each.false[method] for each in all_of_it) / weeks
        first = sum(each.first[method] for each in all_of_it) / weeks
        told = 100 * sum(each.told[method] for each in all_of_it) / max(1, leaks)
        detail = f"{first:.2f} in the first week; {told:.0f} % of {leaks} leaks told"
        if method == OURS:
            yield aim(f"home {home}: false alarms of a client and week, {method}", false, "", FALSE_AIM, detail)
            yield aim(f"home {home}: leaks that nobody is told of", 100 - told, "%", UNNOTICED_AIM)
        else:
            yield Row(f"home {home}: the same, {method}", false, "", detail=detail)
    yield from _of_paces(home, [each for one in all_of_it for each in one.paces])


def _of_paces(home: str, days: list[Paced]) -> Iterator[Row]:
    ran_out, told = [each for each in days if each.ran_out], [each for each in days if each.is_told]
    ahead = [each.ahead for each in ran_out if each.ahead is not None]
    missed, wrong = len(ran_out) - len(ahead), sum(not each.ran_out for each in told)
    hours = f"{median(ahead) / 3600:.1f} h ahead in the median" if ahead else "none told"
    what = f"home {home}: days that run out, nobody being told before"
    yield aim(what, 100 * missed / max(1, len(ran_out)), "%", 15, f"of {len(ran_out)}; {hours}, aim: 3 h")
    yield aim(f"home {home}: of what is told, days that last", 100 * wrong / max(1, len(told)), "%", 20)


def _life(question: Question, *, leaky: bool) -> Life:
    if question.home in OTHERS:
        return OTHERS[question.home](question.seed, DAYS, leaky=leaky)
    home = next(each for each in lives.HOMES if each.name == question.home)
    return lives.life(question.seed, DAYS, home, leaky=leaky)


def seen(question: Question) -> Seen:
    """What each method says of the life of a seed, without leaks and with them."""
    clean, leaky = _life(question, leaky=False), _life(question, leaky=True)
    ours = watch(clean)
    alarms = {OURS: ours.alarms, **{name: rival(name, clean) for name in RIVALS}}
    of_leaks = {OURS: watch(leaky).alarms, **{name: rival(name, leaky) for name in RIVALS}}
    false = {name: sum(each.told and each.step >= WEEK for each in found) for name, found in alarms.items()}
    first = {name: sum(each.told and each.step < WEEK for each in found) for name, found in alarms.items()}
    told = {name: len(_leaks_told(found, leaky)) for name, found in of_leaks.items()}
    return Seen(false, len(clean.clients), len(leaky.leaks), told, tuple(_paced(clean, ours.paces)), first)


def _paced(made: Life, paces: list[int]) -> Iterator[Paced]:
    """What became of each day."""
    sizes = [sum(down + up for down, up in used.values()) for used in by_step(made)]
    for day in range(made.days):
        begin, used = day * STEPS_A_DAY, 0
        end = None
        for step in range(begin, begin + STEPS_A_DAY):
            used += sizes[step]
            end = step if end is None and used >= made.allowance else end
        told = [step for step in paces if begin <= step < begin + STEPS_A_DAY]
        ahead = (end - told[0]) * STEP if end is not None and told and told[0] < end else None
        yield Paced(end is not None, ahead, bool(told))


def _leaks_told(alarms: Iterable[Alarm], made: Life) -> set[Leak]:
    return {leak for each in alarms if each.told and (leak := about(each, made.leaks))}


def trials(seed: int) -> dict[str, list[Trial]]:
    """What became of each known leak that begins at random moments."""
    chance = random.Random(f"trials {seed}")
    made = lives.life(seed, 4, lives.HOMES[0], leaky=False)
    steps = list(by_step(made))
    moments = sorted(chance.sample(range(2 * STEPS_A_DAY, 4 * STEPS_A_DAY - 100), 6))
    found: dict[str, list[Trial]] = {name: [] for name in KNOWN}
    watched = Watched(made.allowance, list(made.clients))
    for step, used in enumerate(steps):
        if step in moments:
            for name, leak in KNOWN.items():
                found[name].append(trial(watched, step, steps, chance.choice(list(made.clients)), leak))
        watched.step(step, used)
    return found


def trial(
    watched: Watched, begin: int, steps: list[dict[str, tuple[int, int]]], client: str, leak: tuple[int, int, int]
) -> Trial:
    """A leak on a copy of `watched`: what it knows is made of values, so that a copy costs nothing."""
    down, up, most = leak
    twin, noted = watched.twin(), None
    for step in range(begin, begin + most // STEP):
        used = dict(steps[step])
        before = used.get(client, (0, 0))
        used[client] = (before[0] + down * STEP, before[1] + up * STEP)
        now = twin.step(step, used)
        mine = [each for each in now.kept.episodes if each.client == client and each.is_open]
        if mine and noted is None:
            noted = (step + 1 - begin) * STEP
        if mine and mine[-1].told:
            return Trial(noted, is_told=True)
    return Trial(noted, is_told=False)


def _known(found: Iterable[dict[str, list[Trial]]]) -> dict[str, list[Trial]]:
    sums: dict[str, list[Trial]] = {name: [] for name in KNOWN}
    for each in found:
        for name, of_seed in each.items():
            sums[name] += of_seed
    return sums


def tick_of_a_crowd(minutes: int = 3) -> float:
    """Milliseconds of processor a tick, of which five are a step, in the mean."""
    names = [f"02:00:00:00:{number // 256:02x}:{number % 256:02x}" for number in range(CROWD)]
    watched = Watched(100_000 * MB, names)
    used = dict.fromkeys(names, (40000, 2000))
    watched.step(0, used)
    began = time.process_time()
    for step in range(1, minutes * 60 // STEP + 1):
        watched.step(step, used)
    return (time.process_time() - began) * 1000 / (minutes * 60)


def memory_of_a_crowd(minutes: int = 3) -> float:
    """Bytes for each client: its trace, what is normal for it, and its share of the tables of them."""
    names = [f"02:00:00:00:{number // 256:02x}:{number % 256:02x}" for number in range(CROWD)]
    watched = Watched(100_000 * MB, names)
    chance = random.Random("memory")
    tracemalloc.start()
    for step in range(minutes * 60 // STEP):
        watched.step(step, {name: (chance.randrange(40_000), chance.randrange(2_000)) for name in names})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / CROWD


def _all(ask: Callable[[Any], Any], of: Iterable[Any]) -> list[Any]:
    with ProcessPoolExecutor() as pool:
        return list(pool.map(ask, of))
