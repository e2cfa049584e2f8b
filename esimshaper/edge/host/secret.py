# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the kernel's random numbers, and the owner's password by scrypt (RFC 7914, OpenSSL's). Owns nothing."""

import hashlib
import hmac
import os

from esimshaper.core.model.identity import composed
from esimshaper.core.model.page import Password

COST = 2**14
"""16 MiB and about 0.1 s of a small computer, in which no other thread of the daemon waits."""

_BLOCK, _PARALLEL = 8, 1  # r and p of RFC 7914
_MAX_MEMORY = 64 * 1024 * 1024
_SALT_BYTES, _HASH_BYTES, _TOKEN_BYTES = 16, 32, 16


def hashed(password: str) -> Password:
    """What is kept of a password."""
    salt = os.urandom(_SALT_BYTES)
    return Password(salt, _scrypt(password, salt, COST), COST)


def is_right(password: str, kept: Password) -> bool:
    """Whether it is the password, in a time that says nothing about it."""
    return hmac.compare_digest(_scrypt(password, kept.salt, kept.cost), kept.hash)


def new_token() -> str:
    """128 random bits, for a session."""
    return os.urandom(_TOKEN_BYTES).hex()


def token_hash(token: str) -> str:
    """What is kept of a token: whoever reads the database cannot log in by it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    text = composed(password).encode("utf-8", "surrogatepass")  # phones and keyboards write é in one way or another
    return hashlib.scrypt(text, salt=salt, n=cost, r=_BLOCK, p=_PARALLEL, maxmem=_MAX_MEMORY, dklen=_HASH_BYTES)
