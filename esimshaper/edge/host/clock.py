# SPDX-License-Identifier: GPL-2.0-or-later
"""The clocks of this machine: the one place that asks them, and the kernel's opinion of its own clock. Changes nothing.

A binding that other edges may import. Tests replace the functions of this module to let a day pass in seconds.
"""

import ctypes as ct
import os
import time
from datetime import datetime, tzinfo
from pathlib import Path

_UNSYNCHRONISED = 0x0040  # STA_UNSYNC, include/uapi/linux/timex.h
_ERROR = 5  # TIME_ERROR
_TIMEX_BYTES = 512  # struct timex is smaller on every machine


class _Timex(ct.Structure):
    """The head of struct timex."""

    _fields_ = (
        ("modes", ct.c_uint),
        ("offset", ct.c_long),
        ("frequency", ct.c_long),
        ("maximum_error", ct.c_long),
        ("estimated_error", ct.c_long),
        ("status", ct.c_int),
        ("rest", ct.c_char * _TIMEX_BYTES),
    )


_RTCS = Path("/sys/class/rtc")

_libc = ct.CDLL(None, use_errno=True)


def now() -> float:
    """The time of day, in Unix seconds. It may step."""
    return time.time()


def wall_at(moment: float) -> float:
    """The time of day that it was at a `moment` of `boottime`, in Unix seconds, by the clock of now."""
    return now() - (boottime() - moment)


def local(zone: tzinfo) -> datetime:
    """The time of day in that zone."""
    return datetime.fromtimestamp(now(), zone)


def boottime() -> float:
    """Seconds since the machine started, with those that it slept (CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def monotonic() -> float:
    """Seconds of CLOCK_MONOTONIC, for when something is due."""
    return time.monotonic()


def seconds_to_next(period: float) -> float:
    """How long until `monotonic` is a multiple of `period` again."""
    return period - monotonic() % period


def stopwatch() -> float:
    """Seconds of CLOCK_MONOTONIC, for how long some work took."""
    return time.perf_counter()


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in nanoseconds, as the kernel stamps flows with it and systemd compares it."""
    return time.monotonic_ns()


def hardware() -> float | None:
    """What the hardware clock says, as UTC in Unix seconds; None where there is none, or it lost its time."""
    # The one that the kernel has set the wall clock from at boot (CONFIG_RTC_HCTOSYS), else any.
    clocks = sorted(_RTCS.glob("rtc*"), key=lambda each: (_number(each / "hctosys") != 1, each.name))
    return next((float(said) for each in clocks if (said := _number(each / "since_epoch"))), None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def is_synchronised() -> bool:
    """Whether something (chrony, systemd-timesyncd, ntpd) keeps the clock right, and has lately.

    Setting the clock by hand makes it unsynchronised until then. False where the kernel does not say.
    """
    try:
        return ask_kernel()
    except OSError:
        return False


def ask_kernel() -> bool:
    """`is_synchronised` by adjtimex(2), which changes nothing here. Raises OSError where the kernel does not say."""
    timex = _Timex()
    state = _libc.adjtimex(ct.byref(timex))
    if state < 0:
        raise OSError(ct.get_errno(), os.strerror(ct.get_errno()))
    return bool(state != _ERROR and not timex.status & _UNSYNCHRONISED)
