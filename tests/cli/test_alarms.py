# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper alarms` as people type it wrongly; what it shows is in tests/core/test_watch_commands.py."""

import pytest

from tests.cli.test_main import esimshaper


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fine",), "say which: `alarms fine 12`"),
        (("fine", "tv"), "`tv` is no number"),
        (("mute",), "say which: `alarms mute surge"),
        (("mute", "noise"), "`noise` is no kind of alarm: surge, upload"),
        (("mute", "surge", "--for", "long"), "`long` is not a length of time"),
        (("--client", "tv"), "go with `alarms mute KIND`"),
        (("slow",), "say which: `alarms slow 12`"),
        (("slow", "tv"), "`tv` is no number"),
        (("slow", "7", "--for", "long"), "`long` is not a length of time"),
        (("slow", "7", "--client", "tv"), "go with `alarms mute KIND`"),
        (("fine", "7", "--for", "1h"), "--for goes with `alarms mute KIND` and `alarms slow N`"),
    ],
)
def test_what_makes_no_sense_is_said(words, said):
    done = esimshaper("alarms", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_without_a_daemon_it_says_so(tmp_path):
    assert esimshaper("alarms", "--socket", tmp_path / "none").returncode == 3
