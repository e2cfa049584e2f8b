# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab with the daemon in its router, for tests of a module (shared) or of one test (own)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind
from tests.netns.namer import Namer
from tests.netns.router import Router


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """For tests that leave it as it was; others have one of their own."""
    with Lab(WanKind.TUN) as built:
        yield built


@pytest.fixture
def make_router(tmp_path: Path, bpffs: Path) -> Iterator[Callable[..., Router]]:
    """`make_router(lab, extra)`: a daemon that is not started yet; killed at the end."""
    made: list[Router] = []

    def make(lab: Lab, extra: str = "") -> Router:
        made.append(Router(lab, tmp_path, bpffs / "pins", extra))
        return made[-1]

    yield make
    for router in made:
        router.close()


@pytest.fixture
def router(lab: Lab, make_router: Callable[..., Router]) -> Router:
    """One that runs."""
    return make_router(lab).start()


@pytest.fixture
def namer(router: Router) -> Iterator[Namer]:
    """The process that names conversations, beside the daemon of `router`."""
    namer = Namer(router).start()
    yield namer
    namer.kill()
