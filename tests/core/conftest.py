# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a test of the core makes happen, its notices have the values that the list of kinds promises."""

from collections.abc import Iterable

import pytest

from esimshaper.core.model.notices import Notice
from esimshaper.core.model.state import SavingSlice
from esimshaper.core.saving import booking
from tests.core import notice_data


@pytest.fixture(autouse=True)
def _notices_keep_their_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = booking.with_notices

    def checked(saving: SavingSlice, notices: Iterable[Notice]) -> SavingSlice:
        new = tuple(notices)
        for notice in new:
            notice_data.check(notice)
        return taken(saving, new)

    monkeypatch.setattr(booking, "with_notices", checked)
