# SPDX-License-Identifier: GPL-2.0-or-later
"""The screens of a campsite, by a terminal: 250 devices, with long names and with names in Chinese and Japanese."""

import pytest

from esimshaper.views.fit import cells_of
from tests.cli.test_main import on_terminal, serving

MORE = 246


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("run") / "control.sock", MORE) as path:
        yield path


CROWDED = {
    "status": ("LEFT", "8 of 252", "blocked by hand", "Most today (of 248 clients)"),
    "clients": ("plan: ", "STATE", "all together", "リビング"),
    "quotas": ("LEFT", "plan ", "throttled", "爱丽丝"),
    "flows": ("20 of 250 flows", "203.0.113.2"),
    "history --each --last 2": ("(240 others)", "客人手机", "all together"),
    "events": ("Today, Monday 23 November", "5 devices are no longer throttled"),
}


@pytest.mark.parametrize("columns", [48, 80])
@pytest.mark.parametrize("verb", CROWDED)
def test_a_crowd_with_names_of_all_scripts_fits_as_well(crowd, verb, columns):
    text, status = on_terminal(*verb.split(), "--socket", crowd, columns=columns)
    assert status == 0
    assert max(map(cells_of, text.splitlines())) <= columns
    assert [word for word in CROWDED[verb] if word not in text] == []
