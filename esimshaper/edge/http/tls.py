# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: TLS for servers, on OpenSSL. In: paths of PEM files. Out: a context for each connection, or what is wrong.

A binding that other edges may import. Owns nothing; files are read when a connection begins and one of them has
changed, so a renewed certificate needs neither a restart nor a reload.
"""

import logging
import os
import ssl
import stat
import threading
from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024  # a chain has some kB, Debian's bundle of all authorities has 220 kB

log = logging.getLogger(__name__)

_FORMAT = "It must be in PEM: lines of letters below -----BEGIN"
_MODE = "`chgrp esimshaper FILE; chmod 640 FILE` lets the daemon read it; the folders above must let it pass, too."


class UnusableFileError(Exception):
    """The file of a setting (certificate, key, client_ca) is unusable: why, and what to do."""

    def __init__(self, setting: str, message: str, hint: str) -> None:
        super().__init__(f"{message}. {hint}")
        self.setting = setting
        self.message = message
        self.hint = hint


class Certificates:
    """The files of one server. `client_ca`: clients must show a certificate that it signed; empty asks for none."""

    def __init__(self, certificate: str, key: str, client_ca: str = "") -> None:
        named = {"certificate": certificate, "key": key, "client_ca": client_ca}
        self._files = {setting: Path(name) for setting, name in named.items() if name}
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def check(self) -> None:
        """Raises UnusableFileError if the files cannot be used now."""
        self._load()

    def context(self) -> ssl.SSLContext:
        """For a connection that begins now. From any thread. Raises UnusableFileError if no files were ever usable.

        While changed files cannot be used, the last good ones are: a renewal may be halfway through.
        """
        with self._lock:
            seen = tuple(_signature(path) for path in self._files.values())
            if seen != self._seen:
                self._seen = seen
                try:
                    self._context = self._load()
                except UnusableFileError as error:
                    log.warning("metrics: %s", error)
            return self._context or self._load()

    def _load(self) -> ssl.SSLContext:
        for setting, path in self._files.items():
            _readable(setting, path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate, key = self._files["certificate"], self._files["key"]
        _has_certificates("certificate", certificate)
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")  # without one OpenSSL asks the terminal
        except (OSError, ValueError) as error:
            raise _of_key(key, certificate, error) from None
        if "client_ca" in self._files:
            _has_certificates("client_ca", self._files["client_ca"])
            context.load_verify_locations(self._files["client_ca"])
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _signature(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _readable(setting: str, path: Path) -> None:
    """OpenSSL does not say which file it is that cannot be read, and waits for pipes."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
            raise UnusableFileError(setting, f"{path} is no file of a certificate or key", f"{_FORMAT}.")
        os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        raise UnusableFileError(setting, f"there is no {path}", "Write the full path of a file in PEM.") from None
    except OSError as error:
        raise UnusableFileError(setting, f"{path} cannot be read: {error.strerror}", _MODE) from None


def _has_certificates(setting: str, path: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # what OpenSSL raises is one
        raise UnusableFileError(setting, f"{path} has no certificate", f"{_FORMAT} CERTIFICATE-----.") from None


def _of_key(key: Path, certificate: Path, error: Exception) -> UnusableFileError:
    reason = getattr(error, "reason", "")
    if reason == "KEY_VALUES_MISMATCH":
        hint = "The first certificate in the file must be the one that was made for this key."
        return UnusableFileError("key", f"{key} does not belong to {certificate}", hint)
    if reason == "EE_KEY_TOO_SMALL":
        hint = "Make a key of at least 2048 bits (RSA), or an EC key, and a certificate for it."
        return UnusableFileError("certificate", f"the key of {certificate} is too short to be safe", hint)
    hint = f"{_FORMAT} PRIVATE KEY-----, and not encrypted: nobody is there to type a password."
    return UnusableFileError("key", f"{key} has no usable private key", hint)
