# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of services: shares, titles in three languages, and sentences where a person looks closely."""

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Sums
from esimshaper.core.report.services import Choice, services_document
from esimshaper.views import page
from esimshaper.views.services import services_page
from tests import synthetic_router as router
from tests.core.report.test_services import MIDNIGHT, USED
from tests.synthetic_router import ALICE, NOW, facts
from tests.synthetic_services import counted, sums_of


def lines(choice: Choice = Choice(), language: str = "en", **more) -> list[str]:  # noqa: B008 - a value
    state, used = more.get("state", counted(router.state())), more.get("used", sums_of(USED))
    since = more.get("since", MIDNIGHT)
    return list(page.plain_lines(services_page(services_document(state, facts(), since, used, choice), language)))


def test_everyones_services_have_shares_bars_and_who_used_most():
    shown = lines()
    assert shown[0] == "What all bytes were for since midnight: 1.01 MB; unnamed 4.0%, hidden 8.0%"
    assert shown[1].split()[:6] == ["SERVICE", "CATEGORY", "NOW", "DOWN", "UP", "TOTAL"]
    assert shown[2].split()[:2] == ["YouTube", "video"]
    assert "50%" in shown[2]
    assert "█" in shown[2]
    assert shown[2].split()[-2:] == ["alice-phone", "youtube"]
    total = next(line for line in shown if line.startswith("all together"))
    assert total.split()[-3:] == ["1.01", "MB", "100%"]
    assert [line.partition(":")[0] for line in shown[-3:]] == ["unnamed", "hidden", "other"]


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "iCloud"),
        ("zh", "iCloud 云服务"),
        ("zh_Hans", "iCloud 云服务"),
        ("zh_Hant", "iCloud 雲端"),
        ("ja", "アイクラウド"),
        ("de", "iCloud"),
    ],
)
def test_services_are_called_as_people_say_in_their_language(language, title):
    assert any(line.startswith(f"{title}  ") for line in lines(language=language))


def test_of_one_client_sentences_say_what_else_goes_with_a_service():
    shown = lines(Choice((ALICE,), "alice-phone"))
    assert shown[0].startswith("What the bytes of alice-phone were for since midnight: ")
    assert "MOSTLY" not in shown[1]
    assert "YouTube: Videos, their pictures and their advertisements." in shown
    assert "iCloud: Photos, drive, backup and Find My share one name." in shown
    assert shown[-1].startswith("unnamed: ")


def test_of_one_service_the_page_says_who_used_it():
    shown = lines(Choice(service="youtube"))
    assert shown[0] == "YouTube, of all bytes since midnight"
    clients = [line.split()[0] for line in shown[shown.index("") + 2 :]]
    assert clients[:2] == ["alice-phone", "Pixel-7-of-somebody-with-a-long-name"]
    assert shown[-1] == "YouTube: Videos, their pictures and their advertisements."


def test_a_category_says_its_share_of_all():
    assert lines(Choice(category="video"))[0] == "video, of all bytes since midnight: 506 KB of 1.01 MB (50%)"


def test_nothing_used_and_nothing_counted_are_sentences():
    month = int(NOW.replace(year=2025, month=3, day=1, hour=0, minute=0).timestamp())
    assert lines(used=Sums(), since=month) == ["Nothing of that was used since Sat 01 Mar 2025."]
    assert "names: off" in lines(state=router.state())[0]


def test_a_little_is_not_nothing():
    used = sums_of({ALICE: Counters(10_000_000)})
    used.services[ALICE]["line"] = used.services[ALICE]["line"] - used.services[ALICE]["line"]
    used.services[ALICE]["my-bank"] = type(used.services[ALICE]["line"])(5)
    assert any("<0.1%" in line for line in lines(used=used))
