# SPDX-License-Identifier: GPL-2.0-or-later
"""What ModemManager tells becomes a modem, whatever a network or a modem puts into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.modems import Modem, ModemBytes, Registration
from esimshaper.core.modems.connects import MOST_SIMS, Connects, Found, follow
from esimshaper.core.modems.properties import MODEM, MODEM_3GPP, MODEM_TIME, modem_of

ICCID = "8981100012345678905"
UP = {"Connected": True, "Interface": "wwan0", "Stats": {"total-rx-bytes": 5, "total-tx-bytes": 2}}


@pytest.mark.parametrize(
    ("number", "registration"),
    [
        *((number, Registration.HOME) for number in (1, 6, 9)),
        *((number, Registration.ROAMING) for number in (5, 7, 10)),
        *((number, Registration.NONE) for number in (0, 2, 3, 8, 11)),
        *((number, Registration.UNKNOWN) for number in (4, 12, "5", None)),
    ],
)
def test_registration_is_home_roaming_or_none_and_else_unknown(number, registration):
    assert modem_of({MODEM_3GPP: {"RegistrationState": number}}, {}, ()).registration is registration


@pytest.mark.parametrize("written", [ICCID, f"{ICCID}F", "981801002143658709F5"])
def test_the_iccid_has_one_form_whatever_the_modem_calls_it(written):
    assert modem_of({}, {"SimIdentifier": written}, ()).iccid == ICCID


def test_a_name_from_the_air_is_short_and_moves_no_cursor():
    network = {"OperatorName": "\x1b[2JEvil\u202e\n" + "x" * 10_000, "OperatorCode": "44\u0660"}
    found = modem_of({MODEM_3GPP: network}, {}, ())
    assert found.operator.startswith("[2JEvilxxx")
    assert len(found.operator) == 64
    assert found.operator_code == ""


def test_the_interface_is_that_of_the_connection_and_before_it_the_only_network_port():
    ports = [("cdc-wdm0", 6), ("wwan0", 2)]
    assert modem_of({MODEM: {"Ports": ports}}, {}, ()).interface == "wwan0"
    assert modem_of({MODEM: {"Ports": [*ports, ("wwan1", 2)]}}, {}, ()).interface == ""
    assert modem_of({MODEM: {"Ports": ports}}, {}, [{**UP, "Interface": "qmimux0"}]).interface == "qmimux0"
    assert modem_of({MODEM: {"Ports": [("../../x", 2)]}}, {}, ()).interface == ""


def test_the_modems_own_count_is_that_of_all_connections():
    found = modem_of({}, {}, [UP, {**UP, "Connected": False}])
    assert found.bytes == ModemBytes(10, 4)
    assert modem_of({}, {}, [{"Connected": True, "Stats": {"total-rx-bytes": 0}}]).bytes is None


def test_states_have_the_words_of_modemmanager():
    states = {number: modem_of({MODEM: {"State": number}}, {}, ()).state for number in (-1, 0, 8, 11, 12, -2)}
    assert states == {-1: "failed", 0: "unknown", 8: "registered", 11: "connected", 12: "unknown", -2: "unknown"}


VALUES = (
    *(None, True, -1, 1 << 80, 0.5, "", "x" * 999, "\x1b[2J", "89" + "1" * 17, b"x", [], [("x", 2)], [7], {}, ("s", 1)),
    *({key: value} for key in ("offset", "total-rx-bytes") for value in (-(1 << 80), "x", 600, None)),
)
NAMES = (
    *("State", "Sim", "Bearers", "Ports", "RegistrationState", "OperatorCode", "OperatorName", "NetworkTimezone"),
    *("SimIdentifier", "Imsi", "Connected", "Interface", "Stats"),
)
properties = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES))


@given(properties, properties)
def test_values_of_any_type_make_a_modem_of_bounded_texts(first, second):
    found = modem_of({MODEM: first, MODEM_3GPP: second, MODEM_TIME: first}, second, [first, second])
    texts = (found.iccid, found.imsi, found.interface, found.operator_code, found.operator, found.state)
    assert all(len(text) <= 64 and text.isprintable() for text in texts)


def test_a_connection_counts_once_and_only_when_its_sim_is_known():
    unknown, known = Found(Modem(), frozenset({"/0"})), Found(Modem(iccid=ICCID), frozenset({"/0"}))
    at_first, (modem,) = follow(Connects(), [unknown])
    assert modem.connects == 0
    then, (modem,) = follow(at_first, [known])
    assert modem.connects == 1
    then, (modem,) = follow(then, [known])
    assert modem.connects == 1
    then, (modem,) = follow(then, [known], dropped={"/0"})
    assert modem.connects == 2
    away, _ = follow(then, [])
    assert follow(away, [known])[1][0].connects == 3


def test_no_more_than_some_sims_are_remembered():
    connects = Connects()
    for number in range(MOST_SIMS + 10):
        connects, _ = follow(connects, [Found(Modem(imsi=str(number)), frozenset({f"/{number}"}))])
    assert len(connects.counts) == MOST_SIMS
    assert f"imsi:{MOST_SIMS + 9}" in connects.counts
