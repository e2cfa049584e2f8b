# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: libcrypto (OpenSSL 3: EVP_EncryptInit(3ssl), HMAC(3ssl)) for Initials of QUIC. Owns contexts, for one thread.

Python's `ssl` has mapped this library anyway; Debian 12 and 13 have the same one.
"""

import ctypes
from functools import cache

BLOCK = TAG = 16
DIGEST = 32
NONCE = 12
SET_TAG = 0x11  # EVP_CTRL_AEAD_SET_TAG, openssl/evp.h


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_ecb", "EVP_aes_128_gcm", "EVP_sha256"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


class Aes:
    """`core.services.quic.Cipher`. Raises OSError where there is no libcrypto."""

    def __init__(self) -> None:
        self._library = _library()
        self._ecb, self._gcm = (ctypes.c_void_p(self._library.EVP_CIPHER_CTX_new()) for _ in range(2))

    def close(self) -> None:
        for context in (self._ecb, self._gcm):
            self._library.EVP_CIPHER_CTX_free(context)

    def digest(self, key: bytes, message: bytes) -> bytes:
        """HMAC-SHA256."""
        out, kind = ctypes.create_string_buffer(DIGEST), ctypes.c_void_p(self._library.EVP_sha256())
        self._library.HMAC(kind, key, len(key), message, ctypes.c_size_t(len(message)), out, None)
        return out.raw

    def mask(self, key: bytes, sample: bytes) -> bytes:
        """One block, encrypted."""
        out, size = ctypes.create_string_buffer(2 * BLOCK), ctypes.c_int()
        cipher = ctypes.c_void_p(self._library.EVP_aes_128_ecb())
        self._library.EVP_EncryptInit_ex(self._ecb, cipher, None, key, None)
        self._library.EVP_EncryptUpdate(self._ecb, out, ctypes.byref(size), sample[:BLOCK], BLOCK)
        return out.raw[:BLOCK]

    def unseal(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes | None:
        """The plain text; None if the tag, its last 16 bytes, is wrong."""
        length = len(sealed) - TAG
        if length < 0 or len(nonce) != NONCE:
            return None
        out, size = ctypes.create_string_buffer(length + BLOCK), ctypes.c_int()
        there, library, context = ctypes.byref(size), self._library, self._gcm
        library.EVP_DecryptInit_ex(context, ctypes.c_void_p(library.EVP_aes_128_gcm()), None, key, nonce)
        library.EVP_DecryptUpdate(context, None, there, header, len(header))
        library.EVP_DecryptUpdate(context, out, there, sealed[:length], length)
        library.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG, sealed[length:])
        return out.raw[:length] if library.EVP_DecryptFinal_ex(context, out, there) == 1 else None
