# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of which uplinks a quota looks at. Pure: values only.

A quota without a scope looks at all uplinks that are metered. Each other Scope has a tree of accounts in the kernel.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

MAX_SCOPES = 4
"""So many trees of accounts the kernel part can walk beside the usual one (SCOPES_MAX in bpf/contract.h)."""


class Scope(NamedTuple):
    """The uplinks of these names, sorted, metered or not; or the one that has the plan of that name now."""

    uplinks: tuple[str, ...] = ()
    plan: str = ""

    @property
    def written(self) -> str:
        """As people read it."""
        return f"plan {self.plan}" if self.plan else f"uplink {', '.join(self.uplinks)}"

    @property
    def key(self) -> str:
        """The name of its tree in the kernel, of 31 characters at most."""
        said = "\0".join(("plan", self.plan) if self.plan else ("uplinks", *self.uplinks))
        return hashlib.sha256(said.encode()).hexdigest()[:31]


Places = Mapping[Scope, frozenset[str]]
"""The names of the uplinks that each scope has now."""
