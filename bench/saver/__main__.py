# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench-saver`: films watched without and with the stream saver, beside the carrier's bill. Owns only its output.

Exit status 1 if a row is not as promised (FAIL).
"""
# ruff: noqa: T201 - a command line prints

import argparse
import base64
import hashlib
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.place import Place, machine, private_place
from bench.rows import Row, Verdict, exact, must, show
from bench.saver import clip, site
from bench.saver.trial import DEVICE, SCRIPTS, SHAPE, Trial, Watched
from esimshaper.lab import Lab
from tests.kernel_parts import kernel_parts

RATE = "2500kbit"
CLIENTS = f'clients:\n  - {{name: {DEVICE}, mac: "02:00:00:00:00:10"}}\nservices: {{names: on}}\n'
OPEN = CLIENTS
PACED = f"{CLIENTS}saver: {{pace: [{{for: each-client, only: video, rate: {RATE}}}]}}\n"
WHOLE_DEVICE = (
    f"{CLIENTS}quotas:\n  - {{name: slow, for: client/{DEVICE}, limit: 1KB, used: 1KB, period: day,"
    f" then: {{throttle: {RATE}}}}}\n"
)
MOST_OF_OPEN, MOST_START = 30.0, 6.0
MOST_RESENT = {"cubic": 5.0, "bbr": 10.0}
MOST_SLOWER = 1.10
"""Times that a download beside a film may take of what it takes without the saver."""


def main() -> int:
    """Measures, prints, gives the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-saver", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each film")
    parser.add_argument("--players", nargs="+", choices=[*SCRIPTS], default=[*SCRIPTS])
    parser.add_argument("--node-modules", type=Path, default=site.ROOT / ".venv/players/node_modules")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("The benchmark needs root for network namespaces and BPF: sudo make bench-saver", file=sys.stderr)
        return 1
    print(", ".join(f"{name} {value}" for name, value in machine().items()), flush=True)
    began = time.monotonic()
    rows: list[Row] = []
    with private_place(quick=False) as place:
        try:
            for row in measure(place, options.seconds, options.players, options.node_modules):
                show("The stream saver", [row])
                rows.append(row)
        except Exception as problem:  # noqa: BLE001 - the rows before it are still worth seeing
            traceback.print_exc()
            rows.append(Row("broke off", 1, "problem", "0", Verdict.FAIL, str(problem)))
        finally:
            kernel_parts.close()
    failed = sum(row.verdict is Verdict.FAIL for row in rows)
    print(f"{len(rows)} figures in {time.monotonic() - began:.0f} s; {failed} not as promised")
    return 1 if failed else 0


def measure(place: Place, seconds: float, players: Sequence[str], modules: Path) -> Iterator[Row]:
    """All rows."""
    root, folder = place.disk / "sites", place.disk / "nginx"
    root.mkdir()
    folder.mkdir()
    clip.make(root)
    (root / "player.html").write_bytes(Path(__file__).with_name("player.html").read_bytes())
    (root / site.DOWNLOAD).write_bytes(os.urandom(site.DOWNLOAD_BYTES))
    for player, script in SCRIPTS.items():
        (root / f"{player}.js").write_bytes((modules / script).read_bytes())
    with Lab(clients=[DEVICE], servers=2, shape=SHAPE) as lab, site.serving(lab, root, folder) as certificate:
        lab.internet.run(["sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"])
        trial = Trial(lab, seconds, hash_of_key(certificate), place)
        yield from compare(trial, players)


def compare(trial: Trial, players: Sequence[str]) -> Iterator[Row]:
    """Films with the link open, and paced."""
    first = players[0]
    with trial.router(OPEN):
        before = {player: trial.watch(player) for player in players}
        over_quic, (beside, _) = trial.watch(first, quic=True), download_beside(trial, first)
    for player, watched in {**before, f"{first} by QUIC": over_quic}.items():
        yield Row(f"{player}, 30 Mbit/s open", watched.each_minute / 1e6, "MB a minute", detail=str(watched))
    with trial.router(PACED) as router:
        billed = trial.lab.carrier.settle()
        for player in players:
            yield from compared(f"{player}, video at {RATE}", trial.watch(player), before[player])
        yield exact("what the daemon counted as video, beside the bill", trial.unequal(router, billed), "B")
        yield from compared(f"{first}, BBR", trial.watch(first, "bbr"), before[first], "bbr")
        yield from compared_by_quic(f"{first} by QUIC", trial.watch(first, quic=True), over_quic)
        seconds, film = download_beside(trial, first)
        what = f"{site.DOWNLOAD_BYTES // 10**6} MB beside a film, of what they take without the saver"
        yield must(what, seconds / beside, "times", MOST_SLOWER, f"{seconds:.1f} s, without the saver {beside:.1f} s")
        yield must("the film beside them: stalls", film.stalls, "", 0, str(film))
    with trial.router(WHOLE_DEVICE):
        yield from compared(f"{first}, the device at {RATE}", trial.watch(first), before[first])


def download_beside(trial: Trial, player: str) -> tuple[float, Watched]:
    """Seconds that the download takes beside a film, and the film."""
    taken: list[float] = []
    film = trial.watch(player, beside=lambda: taken.append(trial.download()))
    return taken[0], film


def compared(what: str, watched: Watched, before: Watched, control: str = "cubic") -> Iterator[Row]:
    """How a paced film compares with the same one without a pace."""
    share = 100 * watched.each_minute / before.each_minute
    yield must(f"{what}: bytes a minute watched, of open", share, "%", MOST_OF_OPEN, str(watched))
    yield must(f"{what}: stalls", watched.stalls, "", 0)
    yield must(f"{what}: start", watched.start, "s", MOST_START)
    yield must(f"{what}: sent again, {control}", 100 * watched.resent, "% of segments", MOST_RESENT[control])


def compared_by_quic(what: str, watched: Watched, before: Watched) -> Iterator[Row]:
    """The same for a film by QUIC. Nobody counts what its server sends again."""
    *rows, _ = compared(what, watched, before)
    yield from rows


def hash_of_key(certificate: Path) -> str:
    """The hash by which Chromium knows the key of a site, as `--ignore-certificate-errors-spki-list` wants it."""
    command = ["openssl", "x509", "-in", str(certificate), "-pubkey", "-noout"]
    key = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body = "".join(key.splitlines()[1:-1])
    return base64.b64encode(hashlib.sha256(base64.b64decode(body)).digest()).decode()


if __name__ == "__main__":
    sys.exit(main())
