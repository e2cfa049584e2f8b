# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of SIMs: one form for all notations, and what may stand in a journal."""

import pytest

from esimshaper.core.model.modems import Modem, iccid_in_pairs, iccid_of, is_same_iccid

ICCID = "8981100012345678905"


@pytest.mark.parametrize(
    "written",
    [
        ICCID,
        f"{ICCID}F",
        f"{ICCID}f ",
        "8981 1000 1234 5678 905",
        "8981-1000-1234-5678-905F",
        "8981.1000.1234.5678.905",
    ],
)
def test_an_iccid_has_one_form(written):
    assert iccid_of(written) == ICCID


@pytest.mark.parametrize(
    "written", ["", "1234", "89F81100012345678905", "8" * 19, "89" * 11, "89\uff181100012345678905"]
)
def test_what_is_no_iccid_is_none(written):
    assert iccid_of(written) == ""


def test_leading_digits_are_no_number():
    assert iccid_of("898110001234567890") == "898110001234567890", "18 digits are enough"
    assert not is_same_iccid("898110001234567890", "898110001234567891")


def test_digits_as_on_the_card_are_put_right():
    assert iccid_in_pairs("981801002143658709F5") == ICCID
    assert iccid_in_pairs("98180100214365870910") == "89811000123456789001"
    assert iccid_in_pairs("8981") == ""


def test_the_check_digit_may_be_left_out():
    assert is_same_iccid(ICCID, ICCID)
    assert is_same_iccid(ICCID, ICCID[:-1])
    assert not is_same_iccid(f"{ICCID[:-1]}6", ICCID[:-1]), "that is another digit than Luhn's"
    assert not is_same_iccid("", "")


def test_a_sim_without_a_readable_iccid_is_told_by_its_subscriber():
    assert Modem(iccid=ICCID, imsi="440100123456789").sim == ICCID
    assert Modem(imsi="440100123456789").sim == "imsi:440100123456789"
    assert Modem().sim == Modem().sim_end == ""
    assert Modem(iccid=ICCID).sim_end == "8905"
