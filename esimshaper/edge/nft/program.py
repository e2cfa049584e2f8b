# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: the program `nft`, found and run. Commands go in, what it prints comes out."""

import os
import shutil
import subprocess

SBIN = "/usr/sbin:/sbin"
SECONDS = 10


class NftError(RuntimeError):
    """Why nft did not do it, in a sentence."""


def run(*arguments: str, script: str = "") -> str:
    """Runs nft with `script` as its standard input; returns its output. Raises NftError."""
    command = [path(), *arguments]
    try:
        done = subprocess.run(command, input=script, text=True, capture_output=True, check=False, timeout=SECONDS)
    except FileNotFoundError:
        raise NftError("nft is not installed (apt install nftables)") from None
    except subprocess.TimeoutExpired:
        raise NftError(f"nft did not end within {SECONDS} s") from None
    except OSError as error:
        raise NftError(f"nft cannot be run: {error.strerror}") from None
    if done.returncode:
        raise NftError(f"nft: {(done.stderr.strip().splitlines() or ['it failed'])[0]}")
    return done.stdout


def path() -> str:
    """Where nft is; Debian puts it into a folder that is not in people's PATH."""
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}") or "nft"
