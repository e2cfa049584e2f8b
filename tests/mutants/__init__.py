# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutants: the program with one small mistake in it, each of which some test must find. `make mutants` runs them."""
