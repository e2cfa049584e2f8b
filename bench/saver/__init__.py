# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench-saver`: what pacing video saves, with a real browser and the players of real sites."""
