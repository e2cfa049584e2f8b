# SPDX-License-Identifier: GPL-2.0-or-later
"""Decides, from values alone: no module below touches a file, a socket, a clock or a log (R21 in DESIGN.md).

pipeline.py, commands.py    one tick; commands of people. Only these two know all rooms
model/                      the words that all rooms share; a new idea gets its word here
meter/ limits/ saving/ shaping/ report/ settings/ diagnosis/    the rooms: each knows the words, and no other room

CONTRIBUTING.md has a table of where new things go: a decision, a setting, a metric, a detector, a room.
"""
