# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: tries the features that limits need of the kernel beside the meter. Missing Features come out.

This runs in a child process, in a network namespace that ends with the process.
"""

import ctypes
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from esimshaper.core.model.box import Feature
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.kernel import ETH_P_ALL, INGRESS
from esimshaper.edge.nft import program, scripts
from esimshaper.edge.nft.program import NftError
from esimshaper.edge.nft.scripts import Known
from esimshaper.edge.probe import child
from esimshaper.edge.probe.child import CLONE_NEWNET

Trial = Callable[[Any, int], None]
"""Uses a feature at the interface of that number. Raises NetlinkError if the kernel lacks it."""


def missing_features() -> frozenset[Feature]:
    """The features that this kernel lacks. Raises RuntimeError where they could not be tried, as without privilege."""
    return frozenset(Feature[name] for name in child.run(__name__))


def rehearse() -> Iterator[Feature]:
    """Tries all features in a new network namespace, which this process cannot leave again.

    Raises OSError or NetlinkError.
    """
    from pyroute2 import IPRoute, NetlinkError  # noqa: PLC0415  doctor must run without pyroute2 too

    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) < 0:
        raise PermissionError(errno.EPERM, "no network namespace could be made")
    with IPRoute() as route:
        lo = route.link_lookup(ifname="lo")[0]
        for feature, trial in TRIALS.items():
            try:
                trial(route, lo)
            except NetlinkError as error:
                if error.code not in (errno.ENOENT, errno.EOPNOTSUPP):
                    raise
                yield feature
    if not _rejects():
        yield Feature.REJECT


def _htb(route: Any, lo: int) -> None:  # noqa: ANN401 - pyroute2 has no types
    route.tc("add", "htb", lo, "1:", default=0x10)
    route.tc("del", "htb", lo, "1:")


def _tbf(route: Any, lo: int) -> None:  # noqa: ANN401
    route.tc("add", "tbf", lo, "1:", rate="1mbit", burst=3000, latency="100ms")
    route.tc("del", "tbf", lo, "1:")


def _fq_codel(route: Any, lo: int) -> None:  # noqa: ANN401
    route.tc("add", "fq_codel", lo, "1:")
    route.tc("del", "fq_codel", lo, "1:")


def _ifb(route: Any, _: int) -> None:  # noqa: ANN401
    """Adds an ifb, but only where its module is loaded: loading it makes ifb0 and ifb1 in the box's own namespace."""
    if not _loadable("ifb"):
        route.link("add", ifname="ifb-try", kind="ifb")


def _redirect(route: Any, lo: int) -> None:  # noqa: ANN401
    route.tc("add", "clsact", lo)
    action = {"kind": "mirred", "direction": "egress", "action": "redirect", "ifindex": lo}
    route.tc(
        "add-filter",
        "u32",
        lo,
        parent=INGRESS,
        prio=20,
        protocol=ETH_P_ALL,
        target=1,
        keys=["0x0/0x0+0"],
        action=action,
    )


_MAC = ClientKey("02:00:00:00:00:01")

TRIALS: dict[Feature, Trial] = {
    Feature.HTB: _htb,
    Feature.TBF: _tbf,
    Feature.FQ_CODEL: _fq_codel,
    Feature.IFB: _ifb,
    Feature.REDIRECT: _redirect,
}


def _loadable(module: str) -> bool:
    """Whether this kernel has that module and has not loaded it yet."""
    folder = Path("/lib/modules") / os.uname().release
    try:
        listed = f"/{module}.ko" in (folder / "modules.dep").read_text(encoding="utf-8", errors="replace")
        loaded = Path("/proc/modules").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return listed and not any(line.split()[0] == module for line in loaded)


def _rejects() -> bool:
    try:
        program.run("-f", "-", script=scripts.reject(["lo"], scripts.Blocked({_MAC: None}), Known()))
    except NftError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(json.dumps([feature.name for feature in rehearse()]))
