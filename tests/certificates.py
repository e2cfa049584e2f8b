# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates that openssl makes for a test: an authority, what it signs, and what it does not."""

import subprocess
from pathlib import Path

from esimshaper.lab.sites import NEW_KEY

# What Python 3.13 asks for: it checks by the strict rules of RFC 5280.
OF_AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
OF_HOLDER = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature")


class Authority:
    """Its certificate is at `certificate`; what it signs lies beside that, in `folder`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.certificate, self._key = _made(folder, name, "-subj", f"/CN={name}", *OF_AUTHORITY)

    def sign(self, name: str, *, usage: str = "serverAuth,clientAuth") -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and ::1, and its key. Those of that name before are replaced."""
        signer = ("-CA", str(self.certificate), "-CAkey", str(self._key))
        names = ("-addext", "subjectAltName=IP:127.0.0.1,IP:::1", "-addext", f"extendedKeyUsage={usage}")
        return _made(self.folder, name, "-subj", f"/CN={name}", *signer, *names, *OF_HOLDER)


def _made(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", *NEW_KEY, "-days", "2", "-keyout", key, "-out", certificate, *options]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
