# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the lab waits for something. Needs no root."""

import os
import time

import pytest

from esimshaper.lab.namespaces import wait_until


def patience(monkeypatch: pytest.MonkeyPatch, for_each_processor: float) -> float:
    """Seconds until a wait of 0.1 s is given up."""
    load = for_each_processor * (os.cpu_count() or 1)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="a miracle"):
        wait_until("a miracle", lambda: False, timeout=0.1)
    return time.monotonic() - began


def test_on_a_busy_machine_the_lab_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert patience(monkeypatch, 0.2) >= 0.1
    assert patience(monkeypatch, 4) >= 0.4
