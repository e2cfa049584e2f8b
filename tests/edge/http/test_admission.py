# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask at a socket for one other process: root, we, and its user, also one that is made while we run."""

import os
import pwd
from types import SimpleNamespace

import pytest

from esimshaper.edge.http.admission import Admission

NOBODY, SENDER = 65534, 990


def test_root_we_and_the_one_user_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def found(name: str) -> SimpleNamespace:
        asked.append(name)
        if len(asked) == 1:
            raise KeyError(name)
        return SimpleNamespace(pw_uid=SENDER)

    monkeypatch.setattr(pwd, "getpwnam", found)
    admits = Admission("esimshaper-notify")
    assert admits(0)
    assert admits(os.geteuid())
    assert not asked, "the table of users is not asked where it is not needed"
    assert not admits(SENDER), "no such user yet"
    assert admits(SENDER)
    assert not admits(NOBODY)
    assert asked == ["esimshaper-notify"] * 2
