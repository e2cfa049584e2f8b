# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the systemd unit by systemctl, whether this user may ask the daemon, and which files the daemon may read.

Reads only.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.box import Service

UNIT, GROUP = "esimshaper.service", "esimshaper"
SECONDS = 10
_PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "Result", "User", "ExecMainStatus")


def service() -> Service | None:
    """The unit of the daemon; None where systemd does not run, as in most containers. Raises RuntimeError."""
    if not Path("/run/systemd/system").is_dir():
        return None
    command = ["systemctl", "show", UNIT, *(f"--property={name}" for name in _PROPERTIES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"systemctl: {(done.stderr.strip().splitlines() or ['it failed'])[0]}")
    unit = parse(done.stdout)
    failed = unit.active == "failed" or unit.result not in ("", "success")
    return replace(unit, said=_last_words()) if failed else unit


def _last_words() -> str:
    """The last line that the daemon wrote; empty where this user may not read it. A line that is indented is a hint."""
    command = ["journalctl", "--no-pager", "--output=cat", "--lines=20", f"_SYSTEMD_UNIT={UNIT}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip() and not line[0].isspace()]
    return lines[-1].strip() if lines and not done.returncode else ""


def parse(shown: str) -> Service:
    """The unit in what `systemctl show` prints: NAME=VALUE, one a line."""
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return Service(*(values.get(name, "") for name in _PROPERTIES))


def may_ask() -> bool | None:
    """Whether the groups of this process let it ask the daemon; None if the group `esimshaper` does not exist."""
    try:
        number = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
    return os.geteuid() == 0 or number in (os.getegid(), *os.getgroups())


def unreadable(user: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of `paths` that exist and that `user` may not read; none if there is no such user. Needs root."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return ()
    there = [path for path in paths if Path(path).exists()]
    if not there:
        return ()
    done = subprocess.run(
        ["sh", "-c", 'for file; do test -r "$file" || echo "$file"; done', "sh", *there],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(user, account.pw_gid),
    )
    return tuple(done.stdout.splitlines())
