# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: this box. What the configuration wants goes in, BoxFacts come out; nothing is decided and nothing is changed.

A probe that fails leaves its fact None and its reason in `BoxFacts.unknown`; all other probes go on.
"""

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from esimshaper.core.model.box import (
    BoxFacts,
    Bpffs,
    Clock,
    Compiler,
    DaemonStatus,
    Directory,
    LeaseFile,
    Privileges,
    Wanted,
)
from esimshaper.core.model.errors import Failure, Operation
from esimshaper.core.model.packages import DEBIAN_PYTHON, LIBRARIES
from esimshaper.edge.bpf.libbpf import SONAME
from esimshaper.edge.host import clock
from esimshaper.edge.lan import leases
from esimshaper.edge.modems import report_file
from esimshaper.edge.names import report_file as names_file
from esimshaper.edge.nft import proxies
from esimshaper.edge.probe import (
    bpf,
    child,
    hints,
    ipsec,
    iptables,
    limits,
    nft,
    notify,
    page,
    programs,
    resolver,
    service,
)

T = TypeVar("T")

BPFFS = "/sys/fs/bpf"
BPF_FS_MAGIC, TMPFS_MAGIC, RAMFS_MAGIC = 0xCAFE4A11, 0x01021994, 0x858458F6  # include/uapi/linux/magic.h
SOCKET_SECONDS = 2.0

# include/uapi/linux/capability.h
CAPABILITIES = {12: "CAP_NET_ADMIN", 21: "CAP_SYS_ADMIN", 38: "CAP_PERFMON", 39: "CAP_BPF"}

_IMPORT_BCC = "import bcc, json; bcc.BPF.load_func; print(json.dumps(getattr(bcc, '__version__', '')))"


def gather(
    wanted: Wanted | None,
    state: Path,
    control: Path,
    status: DaemonStatus | None = None,
    version: str = "",
    report: Path | None = None,
    modems: Path | None = None,
    password: bool | None = None,  # noqa: FBT001
) -> BoxFacts:
    """The results of all probes.

    `state` is the state directory, `control` the control socket of the daemon, `status` what the daemon reported there,
    `version` that of this program, `report` where the process that names leaves its report, `modems` where that which
    watches modems does, `password` whether the page has one.
    """
    unknown: dict[str, str] = {}
    box = BoxFacts(
        wanted=wanted,
        privileges=_try(unknown, "privileges", privileges),
        kernel=_try(unknown, "kernel", lambda: os.uname().release),
        failures=_try(unknown, "kernel", bpf.failures),
        bpffs=_try(unknown, "bpffs", bpffs),
        compiler=_try(unknown, "compiler", compiler),
        libbpf=_try(unknown, "libbpf", libbpf),
        jit=_try(unknown, "jit", jit),
        libraries=_try(unknown, "libraries", libraries),
        clock=_try(unknown, "clock", clock_facts),
        state=_try(unknown, "state", lambda: directory(state)),
        version=version,
        daemon_listens=_try(unknown, "daemon", lambda: accepts_connections(control)),
        daemon_status=status,
        service=_try(unknown, "service", service.service),
        may_ask=_try(unknown, "group", service.may_ask),
        missing_features=_try(unknown, "limits", limits.missing_features),
        forwarding=_try(unknown, "routing", forwarding),
        shaper_files=_try(unknown, "qdisc", lambda: shaper_files(wanted.wan if wanted else "")),
        flowtables=_try(unknown, "offload", nft.flowtables),
        ipsec=_try(unknown, "ipsec", ipsec.ipsec),
        mark_uses=_try(unknown, "marks", nft.mark_uses),
        legacy_mark_uses=_try(unknown, "iptables", iptables.mark_uses),
        source_nat=_try(unknown, "nat", lambda: nft.source_nat() or iptables.source_nat()),
        proxies=_try(unknown, "proxies", lambda: (*proxies.rules(), *iptables.proxies())),
        proxy_programs=_try(unknown, "proxies", programs.proxies),
        names=_try(unknown, "services", lambda: names_file.report(report) if report else None),
        modems=_try(unknown, "modem", lambda: report_file.ReportFile(modems).read() if modems else None),
        metered_hints=_try(unknown, "metered", hints.metered_hints),
        translator_modules=_try(unknown, "tunnels", programs.translator_modules),
        unknown=unknown,
    )
    box = _with_programs(box, wanted, unknown, password)
    box = _with_files(box, wanted, unknown) if wanted and box.service else box
    return _with_network(box, wanted, unknown) if wanted else box


def _with_programs(
    box: BoxFacts,
    wanted: Wanted | None,
    unknown: dict[str, str],
    password: bool | None,  # noqa: FBT001
) -> BoxFacts:
    """`box` with what programs say that devices and people meet."""
    box = replace(box, resolver=_try(unknown, "saver", lambda: resolver.resolver(wanted.own if wanted else ())))
    if wanted and (on := wanted.page) and box.service:
        box = replace(box, page=_try(unknown, "page", lambda: page.page(on, wanted.lans, password)))
    if wanted and box.service and (wanted.notices.channels or wanted.notices.read):
        box = replace(box, notify=_try(unknown, "notices", lambda: notify.notify(wanted.notices)))
    return box


def _with_files(box: BoxFacts, wanted: Wanted, unknown: dict[str, str]) -> BoxFacts:
    """`box` with the files that the user of the daemon's unit may not read. Only root can find out."""
    user = box.service.user if box.service else ""
    if not user or os.geteuid():
        return box
    files = (*wanted.files, *wanted.leases, *wanted.certificates)
    return replace(box, unreadable=_try(unknown, "files", lambda: service.unreadable(user, files)))


def _with_network(box: BoxFacts, wanted: Wanted, unknown: dict[str, str]) -> BoxFacts:
    try:
        from esimshaper.edge.probe import network  # noqa: PLC0415  doctor must run without pyroute2 too
    except ImportError as error:
        unknown["network"] = str(error)
        return box
    return replace(
        box,
        interfaces=_try(unknown, "interfaces", network.interfaces),
        ingress_qdiscs=_try(unknown, "qdiscs", lambda: network.ingress_qdiscs(wanted)),
        filters=_try(unknown, "filters", lambda: network.filters(wanted)),
        default_routes=_try(unknown, "routes", network.default_routes),
        gateways=_try(unknown, "gateways", lambda: network.gateways(wanted)),
        private_lans=_try(unknown, "addresses", lambda: network.private_lans(wanted)),
        rules=_try(unknown, "rules", network.fwmark_rules),
        leases=_try(unknown, "leases", lambda: tuple(lease_file(Path(path)) for path in wanted.leases)),
    )


def _try(unknown: dict[str, str], check: str, probe: Callable[[], T]) -> T | None:
    try:
        return probe()
    except Exception as error:  # noqa: BLE001 - doctor is for broken boxes: no probe may end it
        unknown[check] = " ".join(str(error).split()) or type(error).__name__
        return None


def shaper_files(wan: str) -> tuple[str, ...]:
    """The configurations of sqm-scripts and wondershaper that name this interface."""
    found = [path for path in (Path(f"/etc/sqm/{wan}.iface.conf"),) if wan and path.is_file()]
    wondershaper = Path("/etc/systemd/wondershaper.conf")
    if wan and wondershaper.is_file() and wan in wondershaper.read_text(encoding="utf-8", errors="replace"):
        found.append(wondershaper)
    return tuple(map(str, found))


def privileges() -> Privileges:
    """The privileges of this process, from /proc/self/status (proc(5): CapEff)."""
    status = Path("/proc/self/status").read_text()
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    return Privileges(frozenset(name for bit, name in CAPABILITIES.items() if held >> bit & 1))


def bpffs() -> Bpffs:
    """What is mounted where maps and programs are pinned."""
    return Bpffs(BPFFS, mounted=_file_system(Path(BPFFS)) == BPF_FS_MAGIC, writable=os.access(BPFFS, os.W_OK))


def _file_system(path: Path) -> int:
    """The type of the file system at `path`, as in magic.h; 0 if there is no such path."""
    buffer = ctypes.create_string_buffer(256)  # struct statfs is 120 bytes at most; its first word is the type
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(path), buffer) < 0:
        return 0
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF


def compiler() -> Compiler:
    """Debian's bcc, imported in a child process: it loads LLVM. The unrelated `bcc` of PyPI has no BPF.load_func."""
    python = DEBIAN_PYTHON if Path(DEBIAN_PYTHON).exists() else sys.executable
    done = child.run_to_end([python, "-P", "-c", _IMPORT_BCC])
    if done.returncode:
        return Compiler(python, detail=child.last_words(done))
    return Compiler(python, version=str(json.loads(done.stdout)))


def libbpf() -> str | Failure:
    """The version of libbpf, or the failure to load it."""
    try:
        library = ctypes.CDLL(SONAME)
    except OSError as error:
        return Failure(Operation.LIBBPF, detail=str(error))
    library.libbpf_version_string.restype = ctypes.c_char_p
    version: bytes = library.libbpf_version_string()
    return version.decode().removeprefix("v")


def jit() -> bool | None:
    """Whether the kernel compiles BPF programs; None where this network namespace does not show the switch."""
    switch = Path("/proc/sys/net/core/bpf_jit_enable")
    return switch.read_text().strip() != "0" if switch.exists() else None


def libraries() -> dict[str, str]:
    """The version of each library by its name on PyPI; empty for a library that is not installed."""
    return {library.distribution: _version(library.distribution) for library in LIBRARIES}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def clock_facts() -> Clock:
    """The time, whether it is synchronised, and whether a hardware clock keeps it."""
    hardware = any(Path("/sys/class/rtc").glob("rtc*"))
    return Clock(clock.now(), synchronised=clock.ask_kernel(), hardware=hardware)


def directory(path: Path) -> Directory:
    """The directory at `path`; if it does not exist yet, with the facts of its nearest parent that does."""
    there = next(place for place in (path, *path.parents) if place.exists())
    room = os.statvfs(there)
    writable = there.is_dir() and os.access(there, os.W_OK)
    volatile = _file_system(there) in (TMPFS_MAGIC, RAMFS_MAGIC)
    return Directory(str(path), path.exists(), writable, room.f_bavail * room.f_frsize, volatile)


def accepts_connections(control: Path) -> bool:
    """Whether a process accepts connections at that socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SOCKET_SECONDS)
        try:
            client.connect(str(control))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except PermissionError:  # the socket exists, but this user may not connect
            return True
    return True


def forwarding() -> bool:
    """Whether this namespace forwards IPv4."""
    return Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip() != "0"


def lease_file(path: Path) -> LeaseFile:
    """What this process makes of the lease file at `path`."""
    try:
        content = leases.read_content(path)
    except OSError as error:
        return LeaseFile(str(path), error.strerror or str(error))
    understood = leases.parse(content)
    return LeaseFile(str(path), size=len(content), format=understood.format, leases=len(understood.leases))
