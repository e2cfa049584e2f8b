# SPDX-License-Identifier: GPL-2.0-or-later
"""The rule of polkit, in Debian's own polkitd: the sender may send SMS and dial codes, and nothing else of a modem."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("jeepney", reason="needs python3-jeepney")

from esimshaper.edge.modems.bus import Bus
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.system_bus import PrivateBus, private_bus
from tests.tools import ROOT, needs_root

POLKIT, POLKITD = "org.freedesktop.PolicyKit1", "/usr/lib/polkit-1/polkitd"
SENDER, OTHER = 64711, 65534  # the first is a number that no user of a machine has

pytestmark = [needs_root, pytest.mark.skipif(not Path(POLKITD).exists(), reason="needs polkitd")]


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    """With a polkitd that knows the sender's user and our rule; it is not root, and so the folder is open."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        users, rules = folder / "passwd", folder / "rules.d"
        users.write_text(f"{Path('/etc/passwd').read_text()}esimshaper-notify:x:{SENDER}:{SENDER}::/:/bin/false\n")
        rules.mkdir(mode=0o755)
        shutil.copy(ROOT / "systemd/esimshaper.rules", rules)
        mounts = f"mount --bind {users} /etc/passwd && mount --bind {rules} /usr/share/polkit-1/rules.d"
        with private_bus(folder) as made:
            made.socket.chmod(0o777)
            made.start(["unshare", "--mount", "sh", "-c", f"{mounts} && exec {POLKITD} --no-debug"])
            yield made


def may(bus: PrivateBus, user: int, action: str) -> bool:
    """Whether a process of that user may, without a question to anybody."""
    hand = Bus(bus.address)
    process = subprocess.Popen(["setpriv", f"--reuid={user}", "--clear-groups", "sleep", "1000"])
    try:
        wait_until("polkit is there", lambda: hand.find_owner(POLKIT))
        wait_until("its user", lambda: Path(f"/proc/{process.pid}").stat().st_uid == user)
        about = {"pid": ("u", process.pid), "start-time": ("t", 0), "uid": ("i", user)}
        asked = (("unix-process", about), f"org.freedesktop.ModemManager1.{action}", {}, 0, "")
        place = "/org/freedesktop/PolicyKit1/Authority"
        (answer,) = hand.call(POLKIT, place, f"{POLKIT}.Authority", "CheckAuthorization", "(sa{sv})sa{ss}us", asked)
        return bool(answer[0])
    finally:
        process.kill()
        process.wait()
        hand.close()


@pytest.mark.parametrize(
    ("user", "action", "is_allowed"),
    [
        (SENDER, "Messaging", True),
        (SENDER, "USSD", True),
        (SENDER, "Device.Control", False),
        (OTHER, "Messaging", False),
    ],
)
def test_the_sender_may_send_and_dial_and_nobody_else(bus, user, action, is_allowed):
    assert may(bus, user, action) is is_allowed
