# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's opinion of its own clock. Reads adjtimex(2), changes nothing."""

import ctypes as ct

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


_libc = ct.CDLL(None, use_errno=True)


def is_synchronised() -> bool:
    """Whether something (chrony, systemd-timesyncd, ntpd) keeps the clock right, and has lately.

    Setting the clock by hand makes it unsynchronised until then. False where the kernel does not say.
    """
    timex = _Timex()
    state = _libc.adjtimex(ct.byref(timex))
    return state not in (-1, _ERROR) and not timex.status & _UNSYNCHRONISED
