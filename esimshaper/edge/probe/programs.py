# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: /proc. Which program is behind an interface of the kernel's TUN driver. Reads only; root sees all of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

TUN = "/dev/net/tun"
PROC = Path("/proc")
SYS_MODULE = Path("/sys/module")
TRANSLATORS = ("jool", "jool_siit", "nat46")
"""Kernel modules that are translators; jool_common is a part of the first two."""
PROXIES = frozenset(
    {
        "squid",
        "privoxy",
        "redsocks",
        "tinyproxy",
        "danted",
        "sockd",
        "microsocks",
        "3proxy",
        "polipo",
        "ss-redir",
        "tor",
    }
)
"""Their names as the kernel cuts them to 15 letters."""


def behind_interfaces() -> dict[str, str]:
    """The name of the program, as the kernel cuts it to 15 letters, by interface; in this network namespace only."""
    found: dict[str, str] = {}
    for process, name in _processes():
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            found |= dict.fromkeys(_interfaces(process), name)
    return found


def proxies() -> tuple[str, ...]:
    """The programs of this network namespace whose names are those of proxies."""
    return tuple(sorted({name for _, name in _processes() if name in PROXIES}))


def _processes() -> Iterator[tuple[Path, str]]:
    """The processes of this network namespace, with the names of their programs."""
    with contextlib.suppress(OSError):  # in a tree from which a disk is made, nothing is mounted there
        here = (PROC / "self/ns/net").readlink()
        for process in PROC.iterdir():
            with contextlib.suppress(OSError):  # it is no process, has ended, or is another user's
                if process.name.isdigit() and (process / "ns/net").readlink() == here:
                    yield process, (process / "comm").read_text(encoding="utf-8", errors="replace").strip()


def translator_modules() -> tuple[str, ...]:
    """Those of TRANSLATORS that are loaded."""
    return tuple(name for name in TRANSLATORS if (SYS_MODULE / name).is_dir())


def _interfaces(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        if str(descriptor.readlink()) == TUN:
            info = (process / "fdinfo" / descriptor.name).read_text(encoding="utf-8", errors="replace")
            # A line of tun_chr_show_fdinfo in drivers/net/tun.c.
            lines = (line.split() for line in info.splitlines())
            yield from (words[1] for words in lines if words[:1] == ["iff:"] and len(words) > 1)
