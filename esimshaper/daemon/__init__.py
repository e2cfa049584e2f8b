# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon, the only place where core meets edges.

observe -> advance -> save -> publish             ticker.py, bookings.py, publisher.py
verbs.py, startup.py, loop.py, stopping.py        `build`, `run` and `unload`; a start, a life, an end
configuration.py, reloader.py                     what is in force, and an edited file in its place
observer.py, enforcer.py, class_counters.py       the edges it sees with, and acts with
storage.py, answers.py                            those it saves with, and answers with
failsafe.py, service_status.py, log_limiter.py    what holds while nothing counts; systemd and the journal
"""
