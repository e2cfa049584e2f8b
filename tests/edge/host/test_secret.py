# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's password: kept so that it cannot be read, and compared as people type it."""

from esimshaper.edge.host import secret


def test_only_the_password_is_right_and_it_is_not_kept():
    kept = secret.hashed("naïve Horse")
    assert secret.is_right("naïve Horse", kept)
    assert not secret.is_right("naïve horse", kept)
    assert not secret.is_right("", kept)
    assert kept.cost >= 2**14
    assert b"Horse" not in kept.hash + kept.salt
    assert secret.hashed("naïve Horse") != kept, "each has a salt of its own"


def test_what_looks_alike_is_one_password_whatever_keyboard_wrote_it():
    assert secret.is_right("cafe\N{COMBINING ACUTE ACCENT}", secret.hashed("café"))


def test_a_password_of_an_earlier_cost_goes_on(monkeypatch):
    monkeypatch.setattr(secret, "COST", 2**4)
    kept = secret.hashed("password")
    monkeypatch.undo()
    assert secret.is_right("password", kept)


def test_tokens_have_128_bits_and_are_kept_as_hashes_only():
    tokens = {secret.new_token() for _ in range(100)}
    assert {len(bytes.fromhex(each)) for each in tokens} == {16}
    assert len(tokens) == 100
    assert not tokens & {secret.token_hash(each) for each in tokens}
