# SPDX-License-Identifier: GPL-2.0-or-later
"""Touches the world, and decides nothing (R21). A folder belongs to one thing of the world, and uses one library (R24).

bpf/ tc/ nft/    the kernel part; filters and queues; tables that reject        history/          the database
lan/             leases, neighbours, tracked connections                        http/             both servers
host/            systemd, the journal, clocks, paths                            settings_file/    YAML and its schema
probe/           the facts of `doctor`                                          netlink.py        the binding

control_client.py is the other end of the control socket, for the command line.
"""
