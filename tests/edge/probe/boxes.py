# SPDX-License-Identifier: GPL-2.0-or-later
"""Boxes for probes: anonymous namespaces of the real kernel, made ready by shell commands, that end with a child."""

import base64
import os
import pickle
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = "/usr/bin/python3"
SECONDS = 60

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: needs root")

NAMES = (
    "import base64, pickle, sys; from pathlib import Path; from esimshaper import doctor;"
    "from esimshaper.edge.probe import bpf as probe_bpf, box as probe, ethtool as probe_ethtool;"
    "from esimshaper.edge.probe import ipsec as probe_ipsec, limits as probe_limits;"
    "from esimshaper.edge.probe import network as probe_network, nft as probe_nft, service as probe_service;"
    "from esimshaper.edge.nft import proxies; from esimshaper.lab import devices;"
    "from esimshaper.edge.bpf import syscall;"
    "from esimshaper.core.model.box import Feature, Wanted;"
)
WAN_AND_LAN = """
ip link add wan0 type veth peer name carrier0
ip link add br0 type bridge
ip link set wan0 up
"""


def on_a_box(expression: str, setup: str = "", *wrapper: str, environment: dict[str, str] | None = None):
    """Value of a Python expression in fresh network and mount namespaces, after the shell commands of `setup`."""
    program = f"{NAMES} sys.stdout.write(base64.b64encode(pickle.dumps({expression})).decode())"
    command = ["unshare", "--net", "--mount", "sh", "-ec", f'{setup}\nexec "$@"', "sh", *wrapper, PYTHON, "-c", program]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads(base64.b64decode(done.stdout))  # noqa: S301  from our own child


def wanted(*lans: str) -> str:
    return f"Wanted('wan0', {lans or ('br0',)!r})"


def nft(*rules: str, hook: str = "prerouting") -> str:
    chain = f"nft 'add table t; add chain t c {{ type filter hook {hook} priority -150; }}'\n"
    return chain + "\n".join(f"nft 'add rule t c {rule}'" for rule in rules)
