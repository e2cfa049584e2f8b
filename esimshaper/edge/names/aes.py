# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: libcrypto, for Initials of QUIC: AES-128 (FIPS 197) in GCM (SP 800-38D), and HMAC-SHA256 (RFC 2104).

Debian 12 and 13 have the same library, OpenSSL 3. Of it these are the calls beneath EVP: EVP itself, at its first use,
takes 2 MiB for choosing among providers, and a process that only names conversations would have them for its life.
"""

import ctypes
from functools import cache

BITS, BLOCK, TAG, NONCE = 128, 16, 16, 12
SCHEDULE, HASH_STATE = 256, 128  # bytes; AES_KEY has 244, SHA256_CTX 112 (openssl/aes.h, openssl/sha.h)
HASH_BLOCK, DIGEST = 64, 32
INNER, OUTER = bytes(each ^ 0x36 for each in range(256)), bytes(each ^ 0x5C for each in range(256))


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypto.so.3")
    library.CRYPTO_gcm128_new.restype = ctypes.c_void_p
    return library


class Aes:
    """`core.services.quic.Cipher`. Raises OSError where there is no libcrypto."""

    def __init__(self) -> None:
        self._library = _library()
        self._block = ctypes.cast(self._library.AES_encrypt, ctypes.c_void_p)

    def mask(self, key: bytes, sample: bytes) -> bytes:
        """One block, encrypted."""
        out = ctypes.create_string_buffer(BLOCK)
        self._library.AES_encrypt(sample[:BLOCK], out, self._schedule(key))
        return out.raw

    def unseal(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes | None:
        """The plain text; None if the tag, its last 16 bytes, is wrong."""
        length = len(sealed) - TAG
        if length < 0 or len(nonce) != NONCE:
            return None
        library, schedule, out = self._library, self._schedule(key), ctypes.create_string_buffer(length + 1)
        context = ctypes.c_void_p(library.CRYPTO_gcm128_new(schedule, self._block))
        library.CRYPTO_gcm128_setiv(context, nonce, _size(nonce))
        library.CRYPTO_gcm128_aad(context, header, _size(header))
        library.CRYPTO_gcm128_decrypt(context, sealed, out, ctypes.c_size_t(length))
        is_right = library.CRYPTO_gcm128_finish(context, sealed[length:], ctypes.c_size_t(TAG)) == 0
        library.CRYPTO_gcm128_release(context)
        return out.raw[:length] if is_right else None

    def seal(self, key: bytes, nonce: bytes, header: bytes, plain: bytes) -> bytes:
        """What `unseal` opens: for those who play a client."""
        library, out, tag = self._library, ctypes.create_string_buffer(len(plain) + 1), ctypes.create_string_buffer(TAG)
        schedule, size = self._schedule(key), _size(plain)
        context = ctypes.c_void_p(library.CRYPTO_gcm128_new(schedule, self._block))
        library.CRYPTO_gcm128_setiv(context, nonce, _size(nonce))
        library.CRYPTO_gcm128_aad(context, header, _size(header))
        library.CRYPTO_gcm128_encrypt(context, plain, out, size)
        library.CRYPTO_gcm128_tag(context, tag, ctypes.c_size_t(TAG))
        library.CRYPTO_gcm128_release(context)
        return out.raw[: len(plain)] + tag.raw

    def digest(self, key: bytes, message: bytes) -> bytes:
        """HMAC-SHA256; the key has 64 bytes at most."""
        padded = key.ljust(HASH_BLOCK, b"\0")
        return self._hash(padded.translate(OUTER) + self._hash(padded.translate(INNER) + message))

    def _schedule(self, key: bytes) -> "ctypes.Array[ctypes.c_char]":
        schedule = ctypes.create_string_buffer(SCHEDULE)
        self._library.AES_set_encrypt_key(key, BITS, schedule)
        return schedule

    def _hash(self, message: bytes) -> bytes:
        state, out = ctypes.create_string_buffer(HASH_STATE), ctypes.create_string_buffer(DIGEST)
        self._library.SHA256_Init(state)
        self._library.SHA256_Update(state, message, _size(message))
        self._library.SHA256_Final(out, state)
        return out.raw


def _size(data: bytes) -> ctypes.c_size_t:
    return ctypes.c_size_t(len(data))
