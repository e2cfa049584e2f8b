# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots Debian's own kernel in a virtual machine, without KVM, and runs the tests of stacks.py and on_debian_kernel.py.

`make test-kernel RELEASE=trixie ARGS="..."`: which Debian (bookworm if left out), and arguments of pytest. Needs root,
only to make a tree. The machine has the files of this one, read only, and on its disk a Debian in which the package is
installed.
"""

import os
import pty
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from esimshaper.core.model.packages import DEBIAN_PYTHON
from tests import tools
from tests.system import tree

RELEASE = os.environ.get("RELEASE", tree.RELEASES[0])
MEMORY, DISK = "3G", "1500M"
DISK_IN_GUEST = Path("/run/tree")
PATIENCE = 900
"""Seconds for the kernel part; a processor that is emulated compiles slowly."""

_SLOWLY = f"""\
[Service]
TimeoutStartSec=infinity
Environment=PYTHONPATH=/usr/lib/esimshaper
ExecStart=
ExecStart={DEBIAN_PYTHON} -P -c 'from esimshaper.edge.bpf import compiler; compiler.COMPILE_SECONDS = {PATIENCE}; \\
    from esimshaper.cli.main import main; main()' build --config /etc/esimshaper/esimshaper.yaml
"""

_INSTALL = """
set -e
cp {package} {provision} "$1/tmp"
install -D -m 644 {slowly} "$1"/etc/systemd/system/esimshaper-build.service.d/slowly.conf
chroot "$1" sh /tmp/provision.sh install /tmp/{package.name} wan0 br0
chroot "$1" sh -c 'cd /tmp && apt-get -qq -o APT::Sandbox::User=root download $(
    apt-cache depends linux-image-$(dpkg --print-architecture) | sed -n "s/.*Depends: //p")'
dpkg-deb -x "$1"/tmp/linux-image-*.deb {kernel}
test -e {kernel}/lib || ln -s usr/lib {kernel}/lib # where Debian 13 has modules
rm "$1"/tmp/*
"""

_IN_GUEST = """
modprobe -a tun virtio_blk ext4 ppp_async 8021q bonding ipvlan esp4 xfrm_user
mkdir -p {disk}
mount -o ro,noload /dev/vda {disk}
cd {root}
export PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis # all but /tmp is read-only
{{ {python} -m pytest -p no:cacheprovider {arguments}; echo $? >{status}; }} 2>&1 | tee {said}
"""


def main(arguments: list[str]) -> int:
    """Exit status of pytest in the machine, or 1 if that did not come to its end."""
    tree.sweep()
    place = tree.owned("kernel")
    place.mkdir()
    try:
        _prepare(place)
        return _run(place, [*arguments, "tests/system/stacks.py", "tests/system/on_debian_kernel.py"])
    finally:
        shutil.rmtree(place)


def _prepare(place: Path) -> None:
    """`place` gets the kernel and the disk."""
    subprocess.run(["make", "deb", f"dist={place}"], cwd=tools.ROOT, check=True, stdout=subprocess.DEVNULL)
    (package,) = place.glob("*.deb")
    slowly = place / "slowly.conf"
    slowly.write_text(_SLOWLY)
    provision = Path(__file__).with_name("provision.sh")
    hook = _INSTALL.format(package=package, provision=provision, slowly=slowly, kernel=place / "kernel")
    wanted = (*tree.ANY_DEBIAN, *tree.dependencies(package))
    making = tree.make(RELEASE, place / "tree", wanted, hook)
    said, _ = making.communicate()
    if making.returncode:
        sys.exit(said)
    (modules,) = (place / "kernel/lib/modules").iterdir()
    subprocess.run(["depmod", "-b", place / "kernel", modules.name], check=True)
    image = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", place / "tree", place / "disk", DISK]
    subprocess.run(image, check=True)
    shutil.rmtree(place / "tree")


def _run(place: Path, arguments: list[str]) -> int:
    (kernel,) = (place / "kernel/boot").glob("vmlinuz-*")
    script, status, said = place / "script", place / "status", place / "said"
    words = {"disk": DISK_IN_GUEST, "root": tools.ROOT, "python": sys.executable, "status": status, "said": said}
    script.write_text(_IN_GUEST.format(arguments=shlex.join(arguments), **words))
    os.environ["PATH"] = f"{tools.ROOT}/.venv/kernel/bin:{os.environ['PATH']}"
    command = [
        tools.find("vng"), "--run", str(kernel), "--disable-kvm", "--disable-microvm", "--force-9p", "--user", "root",
        "--cpus", "2", "--memory", MEMORY, "--rwdir", str(place),
        f"--qemu-opts=-drive if=virtio,format=raw,readonly=on,file={place / 'disk'}",
        "--exec", f"sh {script}",
    ]  # fmt: skip
    pty.spawn(command)  # without a terminal it needs udev, which not every machine has
    if not sys.stdout.isatty() and said.exists():  # then it has shown nothing
        sys.stdout.write(said.read_text(errors="replace"))
    return int(status.read_text()) if status.exists() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
