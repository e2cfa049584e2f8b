# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history, opened by root where it is the service's: `sudo esimshaper run` and `apt remove` do so."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from esimshaper.edge.history.database import History

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")

SERVICE = 65534


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a service that may do little."""
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, SERVICE, SERVICE)
    return folder


@pytest.mark.parametrize("found", [b"", b"damaged" * 500], ids=["by this start", "by an earlier version"])
def test_what_root_begins_is_the_owners_of_its_folder(state: Path, found: bytes) -> None:
    """Journals and what was moved aside as well."""
    (state / "history.db").write_bytes(found)
    with closing(History(state / "history.db")):
        owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in state.iterdir()}
    assert {"history.db", "history.db-wal", "history.db-shm"} <= owners.keys()
    assert set(owners.values()) == {(SERVICE, SERVICE)}


def test_root_gives_nothing_away_that_a_link_leads_to(state: Path) -> None:
    """Who has taken over the service could put one there."""
    theirs = state.parent / "shadow"
    theirs.write_text("root:!:")
    (state / "history.db").symlink_to(theirs)
    with closing(History(state / "history.db")):
        assert (theirs.stat().st_uid, theirs.read_text()) == (0, "root:!:")
