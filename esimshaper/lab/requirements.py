# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether this machine can run the lab, before anything is made. In: this machine. Out: nothing, or LabUnavailable."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from esimshaper.lab.carrier import WanKind
from esimshaper.lab.namespaces import LabUnavailable

_PROGRAMS: Mapping[str, str] = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
"""Program and the Debian package that has it."""
_MORE_PROGRAMS: Mapping[str, str] = {"ping": "iputils-ping", "dnsmasq": "dnsmasq-base", "udhcpc": "udhcpc"}
"""The programs that a lab needs beside these, unless it is bare."""
_FOR_NAMES: Mapping[str, str] = {"openssl": "openssl"}
"""One whose hosts have names."""


def require(wan: WanKind, *, bare: bool = False, named: bool = False) -> None:
    """Raise LabUnavailable with the first thing that is missing."""
    if os.geteuid():
        raise LabUnavailable("The lab needs root: it makes network namespaces.", "Run it with sudo.")
    programs = {**_PROGRAMS, **({} if bare else _MORE_PROGRAMS), **(_FOR_NAMES if named else {})}
    missing = {program: package for program, package in programs.items() if not shutil.which(program)}
    if missing:
        raise LabUnavailable(
            f"Programs are missing: {', '.join(missing)}.", f"apt install {' '.join(sorted(set(missing.values())))}"
        )
    if not Path("/proc/sys/net/ipv6").is_dir():
        raise LabUnavailable("The kernel runs without IPv6.", "Boot without ipv6.disable=1.")
    if wan is not WanKind.VETH and not Path("/dev/net/tun").exists():
        raise LabUnavailable(
            "There is no /dev/net/tun.", "Run `modprobe tun`; in a container, pass the device: --device /dev/net/tun."
        )
