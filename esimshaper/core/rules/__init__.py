# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of rules by service: layers -> what holds for each client and service, and why. Pure.

layers.py makes decisions of layers, merge.py service policies of decisions, pools and classes. ruling.py is the tick.
"""
