# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon, the only place where core meets edges.

ticker.py, bookings.py, publisher.py              a tick: observe -> advance -> save -> publish
verbs.py, startup.py, loop.py, stopping.py        `build`, `run` and `unload`; how the daemon starts, lives and stops
configuration.py, reloader.py                     the settings in force; how an edited file replaces them
observer.py, class_counters.py, enforcer.py       all edges that observe, as one; all edges that act, as one
storage.py, answers.py                            the history; the answers of the control socket
failsafe.py                                       the table of `on_failure: closed`
service_status.py, log_limiter.py, chronicle.py   reports to systemd; the rate limit of the journal; its messages

A new verb is answered in answers.py. CONTRIBUTING.md has a table of where new things go.
"""
