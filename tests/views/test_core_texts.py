# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences of the daemon in the language of the terminal: known by their words, and these are those of the core."""

import ast
import re

import pytest

from esimshaper.core.limits import notices
from esimshaper.core.limits.notices import Wording
from esimshaper.core.model.limits import ClientState, Level
from esimshaper.languages import texts
from esimshaper.languages.choice import ENGLISH
from esimshaper.views import core_texts, notice_texts
from esimshaper.views.core_texts import KNOWN, said, whole
from tests import synthetic_router as router
from tests import tools
from tests.synthetic_router import ALICE, NOW

PLACE = re.compile(r"\{\w+\}")
LITERALS = "\n".join(
    node.value
    for folder in ("core", "daemon", "edge")
    for path in sorted((tools.ROOT / "esimshaper" / folder).rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
)


@pytest.fixture
def japanese():
    tools.find("msgfmt")
    texts.speak("ja")
    yield
    texts.speak(ENGLISH)


@pytest.mark.parametrize(
    ("english", "said_here"),
    [
        (
            "tv has 500 MB again (daily, until tomorrow 00:00)",
            "tv の枠が 500 MB に更新されました（daily、明日 00:00 まで）",
        ),
        (
            "tv is throttled now: daily: 500 MB used of 500 MB, throttled to 256 kbit/s until 18:00",
            "tv を速度制限しました：daily：500 MB のうち 500 MB を使用、18:00 まで 256 kbit/s に速度制限",
        ),
        ("there is no quota `tb`; there are a, b", "データ枠 `tb` はありません。a, b があります"),
        (
            "plan a is slow: the carrier gives 1 Mbit/s. Traffic is shaped at wwan0 only",
            "プラン a は通信事業者により 1 Mbit/s に制限されています。速度の調整は wwan0 だけで行います",
        ),
        ("everyone has used up 9 GB (plan, until 18:00)", "全員 が 9 GB を使い切りました（plan、18:00 まで）"),
        (
            "tv has used up 5.00 MB (films: games, video, until 18:00)",
            "tv が 5.00 MB を使い切りました（films: games, video、18:00 まで）",
        ),
        (
            "films (games, video): 5.00 MB used of 5.00 MB, blocked until 18:00",
            "films (games, video)：5.00 MB のうち 5.00 MB を使用、18:00 まで遮断",
        ),
        ("Wake up", "Wake up"),
        ("nobody knows this. Try again in a second.", "nobody knows this. Try again in a second."),
        ("", ""),
    ],
)
def test_a_sentence_is_known_by_its_words_and_others_stay_as_they_are(japanese, english, said_here):
    assert said(english) == said_here


def test_english_stays_as_the_daemon_has_said_it():
    assert said("tv is blocked now: blocked by hand") == "tv is blocked now: blocked by hand"
    assert whole("devices go out by wlan1") == "Devices go out by wlan1."


@pytest.mark.parametrize("known", KNOWN)
def test_each_is_found_as_itself_and_not_as_another(known):
    filled = PLACE.sub("1", known)
    assert next(each for each in KNOWN if core_texts._pattern(each).fullmatch(filled)) == known


@pytest.mark.parametrize("known", [*core_texts.REFUSALS, *core_texts.UNATTRIBUTED])
def test_the_daemon_still_says_it_so(known):
    """What stands between two places is in some text of its sources."""
    for piece in re.split(r"[`'():;,.?]|\{\w+\}", known):
        assert piece.strip() in LITERALS, f"the core has no `{piece.strip()}` any more"


def test_notices_of_the_core_are_known(japanese):
    wording = Wording({ALICE: "alice"}, NOW.timestamp(), NOW.tzinfo)
    tallies = [router.tally_of("daily", router.client(ALICE), used=400_000_000)]
    shown = [*notices.grants(tallies, 300_000_000, None, wording), *notices.renewals(tallies, wording)]
    shown += notices.revoked(tallies, wording)
    for level in (Level.THROTTLED, Level.BLOCKED):
        states = {router.client(ALICE): ClientState(level, "blocked by hand")}
        before, more = notices.levels({}, states, wording)
        shown += [*more, *notices.levels(before, {router.client(ALICE): ClientState()}, wording)[1]]
    assert len(shown) == 7
    assert not [
        each.text for each in shown if re.search("[a-z]{3,}", said(each.text).replace("alice", "").replace("daily", ""))
    ]


@pytest.mark.parametrize("known", notice_texts.ALL)
def test_what_people_read_of_plans_and_alarms_is_what_the_core_says(known):
    for piece in re.split(r"[`'():;,.?]|\{\w+\}|with|then|until|It is|held to|blocked", known):
        assert piece.strip() in LITERALS, f"the core has no `{piece.strip()}` any more"


@pytest.mark.parametrize(
    ("english", "said_here"),
    [
        (
            "plan trip has 500 MB left; then it is held to 300 kbit/s (until tomorrow 00:00)",
            "プラン trip は残り 500 MB、その後は 300 kbit/s に制限されます（明日 00:00 まで）",
        ),
        (
            "plan trip has no data left until 18:00: nothing passes. `esimshaper plan` shows what can be bought",
            "プラン trip は 18:00 まで残りがなく、通信できません。購入できるものは `esimshaper plan` で確認できます",
        ),
        (
            "tv moved 62.0 MB in the last minute: 6 % of the day (1.00 GB by plan). It is blocked until 18:00; "
            "`esimshaper alarms fine 7` if it is fine",
            "tv が直近 1 分間に 62.0 MB を通信。1 日の量（plan により 1.00 GB）の 6 %。18:00 まで遮断中です。"
            "問題なければ `esimshaper alarms fine 7`",
        ),
        (
            "will have used up 1.00 GB of daily about 18:00: 700 MB are used; 300 MB are left until tomorrow 00:00",
            "18:00 ごろ daily の 1.00 GB を使い切る見込み。使用済み 700 MB、明日 00:00 までの残り 300 MB",
        ),
        ("taken back: plan trip has 1.00 GB more", "取り消しました：プラン trip に 1.00 GB を追加しました"),
    ],
)
def test_plans_and_alarms_are_read_in_the_language_of_the_terminal(japanese, english, said_here):
    assert said(english) == said_here
