# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that names conversations: packets that the kernel copied in, names of services out.

It reads what strangers have written, so it is a process and a user of its own, without capability, network or secret.
Nothing else waits for it: while it is dead, or hangs, bytes are counted as `unnamed`.
"""
