# SPDX-License-Identifier: GPL-2.0-or-later
"""A film as sites offer it: five sizes of picture and sound in segments of 4 s, for HLS and DASH. Needs ffmpeg.

It is made at run time: a test picture of ROUND_SECONDS, at constant rates, is compressed once for each size and then
repeated, so that a film of two minutes takes the time of half a minute.
"""

import subprocess
from pathlib import Path
from typing import NamedTuple

ROUND_SECONDS, ROUNDS, SEGMENT_SECONDS, FRAMES = 24, 6, 4, 25
FILM_SECONDS = ROUND_SECONDS * ROUNDS
HLS, DASH = "master.m3u8", "film.mpd"


class Picture(NamedTuple):
    """A size of the picture, and its rate in kbit/s: a generous ladder of H.264, as sites had it about 2020."""

    width: int
    height: int
    rate: int


PICTURES = (
    Picture(426, 240, 300),
    Picture(640, 360, 700),
    Picture(854, 480, 1200),
    Picture(1280, 720, 2700),
    Picture(1920, 1080, 5000),
)
SOUND_RATE = 96


def make(folder: Path) -> None:
    """Writes HLS and DASH, and the segments of both. Raises CalledProcessError."""
    rounds = [folder / f"{picture.height}.mp4" for picture in PICTURES]
    for picture, file in zip(PICTURES, rounds, strict=True):
        _run(*_compress(picture), str(file))
    sound = folder / "sound.mp4"
    _run("-f", "lavfi", "-i", f"sine=frequency=440:duration={ROUND_SECONDS}", "-c:a", "aac", "-b:a", f"{SOUND_RATE}k",
         str(sound))  # fmt: skip
    inputs = [part for file in (*rounds, sound) for part in ("-stream_loop", str(ROUNDS - 1), "-i", str(file))]
    maps = [part for number in range(len(rounds) + 1) for part in ("-map", f"{number}")]
    _run(*inputs, *maps, "-c", "copy", "-t", str(FILM_SECONDS), "-f", "dash", "-seg_duration", str(SEGMENT_SECONDS),
         "-use_template", "1", "-use_timeline", "0", "-adaptation_sets", "id=0,streams=v id=1,streams=a",
         "-hls_playlist", "1", "-hls_master_name", HLS, str(folder / DASH))  # fmt: skip
    for file in (*rounds, sound):
        file.unlink()


def _compress(picture: Picture) -> list[str]:
    rate, keys = f"{picture.rate}k", FRAMES * SEGMENT_SECONDS
    source = f"testsrc2=size={picture.width}x{picture.height}:rate={FRAMES}:duration={ROUND_SECONDS}"
    # nal-hrd=cbr fills up what a plain picture does not need, so each segment has the size that its rate says.
    exactly = f"nal-hrd=cbr:keyint={keys}:min-keyint={keys}:scenecut=0"
    return [
        "-f", "lavfi", "-i", source, "-vf", "setdar=16/9,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
        "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", exactly,
    ]  # fmt: skip


def _run(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments], check=True)
