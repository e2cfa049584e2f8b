# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of the daemon -> documents, metrics and the status line of systemd. Pure.

documents.py and those beside it                   answers of the control socket; each shape is in the docstring there
since.py                                           moments in the past as people write them
metrics.py                                         metric families for Prometheus; a new metric goes here
line.py                                            the line in `systemctl status`
frame.py                                           what all of them share
"""
