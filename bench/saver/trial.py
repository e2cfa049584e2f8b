# SPDX-License-Identifier: GPL-2.0-or-later
"""One film watched by one player, and what the carrier billed for it. In: a lab with its sites. Out: Watched.

The router has the real daemon, and the process that names; Chromium is in the device's namespace.
"""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bench.place import Place
from bench.saver import clip, site
from esimshaper.lab import Bill, Host, Lab, Shape
from esimshaper.lab.namespaces import wait_until
from tests.netns.namer import Namer, rows
from tests.netns.router import Router

BROWSER = site.ROOT / ".venv/browser/bin/python"
SCRIPTS = {
    "hls": "hls.js/dist/hls.min.js",
    "dash": "dashjs/dist/modern/umd/dash.all.min.js",
    "shaka": "shaka-player/dist/shaka-player.compiled.js",
}
"""The players, and where npm has put each, below node_modules."""
FILMS = {"hls": clip.HLS, "dash": clip.DASH, "shaka": clip.DASH}
DEVICE, SERVICE = "tv", "youtube"
_FILM_BEGAN = 500_000
"""Bytes of a film with which it surely has begun."""
SHAPE = Shape(delay_ms=25, down_bits=30_000_000, up_bits=10_000_000, queue_bytes=562_500)
"""A carrier with 30 Mbit/s, a round trip of 50 ms, and 150 ms of queue."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a viewer met, and what was billed for it. `ahead`: seconds that were fetched, and not watched.

    heights: seconds at each. resent: part of the segments of TCP from the sites that went out again.
    """

    seconds: float
    start: float
    stalls: int
    stalled: float
    ahead: float
    heights: Mapping[str, float]
    bytes: int
    resent: float

    @property
    def each_minute(self) -> float:
        """Bytes billed for a minute that was watched, with all that was fetched in vain."""
        return self.bytes * 60 / self.seconds

    @property
    def each_fetched_minute(self) -> float:
        return self.bytes * 60 / (self.seconds + self.ahead)

    def __str__(self) -> str:
        heights = sorted(self.heights.items(), key=lambda each: -each[1])
        shown = ", ".join(f"{height}p {seconds:.0f} s" for height, seconds in heights if seconds >= 1)
        return (
            f"{self.each_minute / 1e6:.1f} MB a minute watched, {self.each_fetched_minute / 1e6:.1f} a minute fetched;"
            f" start {self.start:.1f} s, {self.stalls} stalls ({self.stalled:.1f} s); {shown}; {self.ahead:.0f} s ahead"
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """`seconds`: of each film."""

    lab: Lab
    seconds: float
    certificate_key: str
    place: Place
    taken: list[str] = field(default_factory=list)

    @property
    def device(self) -> Host:
        return self.lab.client(DEVICE)

    @contextlib.contextmanager
    def router(self, extra: str) -> Iterator[Router]:
        """The real daemon and the process that names, with these settings besides."""
        folder = self.place.disk / f"router-{len(self.taken)}"
        self.taken.append(folder.name)
        folder.mkdir()
        router = Router(self.lab, folder, self.place.bpffs / folder.name, extra)
        namer = Namer(router)
        try:
            router.start()
            namer.start()
            self.device.run(["ping", "-c", "1", "-W", "2", "192.168.77.1"])
            for _ in range(2):  # one tick reads of a client, the next one has written its policy
                router.await_tick()
            yield router
        finally:
            namer.kill()
            router.close()

    def watch(
        self, player: str, control: str = "cubic", *, quic: bool = False, beside: Callable[[], None] | None = None
    ) -> Watched:
        """Watches; `control`: how the sites' TCP finds its rate. beside: what is done as soon as the film comes."""
        gateway = (
            self.lab.internet
        )  # by route: a namespace may choose by sysctl only what the machine lets everybody use
        gateway.ip(f"route replace {self.lab.router.ipv4}/32 dev {gateway.interface} congctl {control}")
        bill, sent = self.lab.carrier.settle(), self._segments()
        watching = self.start_to_watch(player, quic=quic)
        if beside:
            wait_until("the film", lambda: self._film(bill) > _FILM_BEGAN, timeout=120)
            beside()
        said, problem = watching.communicate(timeout=600)
        if watching.returncode:
            raise RuntimeError(f"{player}: {problem}")
        seen = json.loads(said)
        if seen["problem"] or seen["start"] is None or seen["watched"] < self.seconds:
            raise RuntimeError(f"{player} did not play: {seen}")
        used, out = self.lab.carrier.settle() - bill, self._segments()
        film = used.of(site.VIDEO)
        return Watched(
            seen["watched"], seen["start"], seen["stalls"], seen["stalled"], seen["ahead"], seen["heights"],
            film.down_bytes + film.up_bytes, (out[1] - sent[1]) / max(1, out[0] - sent[0] + out[1] - sent[1]),
        )  # fmt: skip

    def _film(self, before: Bill) -> int:
        """Bytes of the film that the carrier billed since."""
        return (self.lab.carrier.bill() - before).of(site.VIDEO).down_bytes

    def start_to_watch(self, player: str, *, quic: bool = False) -> "subprocess.Popen[str]":
        """A browser that opens the page of a player."""
        film = f"https://{site.VIDEO_NAME}/{FILMS[player]}"
        rules = f"MAP {site.VIDEO_NAME} {site.VIDEO}, MAP * {site.PAGE}"
        options = [f"--host-resolver-rules={rules}", f"--ignore-certificate-errors-spki-list={self.certificate_key}"]
        job = {
            "chromium": "/usr/bin/chromium",
            "options": [*options, f"--origin-to-force-quic-on={site.VIDEO_NAME}:443" if quic else "--disable-quic"],
            "url": f"https://{site.PAGE_NAME}/player.html?{urlencode({'player': player, 'film': film})}",
            "seconds": self.seconds,
        }
        watching: subprocess.Popen[str] = self.device.popen(
            [str(BROWSER), str(Path(__file__).with_name("watch.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert watching.stdin
        watching.stdin.write(json.dumps(job))
        watching.stdin.close()
        watching.stdin = None
        return watching

    def download(self) -> float:
        """Seconds of the download."""
        command: Sequence[str] = (
            "curl", "-sk", "--resolve", f"{site.PAGE_NAME}:443:{site.PAGE}", "-o", "/dev/null",
            "-w", "%{time_total} %{size_download}", f"https://{site.PAGE_NAME}/{site.DOWNLOAD}",
        )  # fmt: skip
        seconds, size = self.device.run(command, timeout=300).split()
        assert int(float(size)) == site.DOWNLOAD_BYTES
        return float(seconds)

    def unequal(self, router: Router, billed: Bill) -> int:
        """Bytes by which the carrier's bill of the video service since `billed` and our count of it differ."""
        router.settle()
        bill, counted = (self.lab.carrier.settle() - billed).of(site.VIDEO), rows(router, DEVICE).get(SERVICE)
        ours = counted.down_bytes + counted.up_bytes if counted else 0
        return abs(bill.down_bytes + bill.up_bytes - ours)

    def _segments(self) -> tuple[int, int]:
        """Of TCP, what the sites have sent: segments, and those that they sent again."""
        lines = self.lab.internet.run(["cat", "/proc/net/snmp"]).splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        tcp = dict(zip(names, values, strict=True))
        return int(tcp["OutSegs"]), int(tcp["RetransSegs"])
