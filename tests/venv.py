# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a venv for linters and tests, as any user, also without pip: `python3 -m tests.venv PLACE PIN ...`.

Arguments are pins such as `ruff==0.12.0`. Those after `--libraries` are installed only if Debian's package is missing.
"""

import contextlib
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

WHEELS = Path("/usr/share/python-wheels")
"""Where Debian's python3-pip-whl has the pip that python3-venv copies."""


def main(place: Path, arguments: Sequence[str]) -> int:
    """Exit status: 1 if something could not be fetched; the next call then makes the half-made environment anew."""
    stamp, wanted = place / "pins", " ".join(arguments)
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    split = arguments.index("--libraries") if "--libraries" in arguments else len(arguments)
    pins = [*arguments[:split], *(pin for pin in arguments[split + 1 :] if not is_installed(pin))]
    sys.stderr.write(f"Installing {' '.join(pins)} into {place}\n")
    if place.is_symlink():
        place.unlink()
    shutil.rmtree(place, ignore_errors=True)
    venv.EnvBuilder(system_site_packages=True).create(place)
    try:
        with pip() as wheel:
            install(place, str(wheel / "pip"), str(wheel), *pins)
    except (subprocess.CalledProcessError, StopIteration):
        return 1
    stamp.write_text(wanted)
    return 0


def is_installed(pin: str) -> bool:
    """Whether Debian's own Python has the library of `pin`, in whatever version."""
    try:
        importlib.metadata.version(pin.partition("==")[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@contextlib.contextmanager
def pip() -> Iterator[Path]:
    """The wheel of pip, out of Debian's package. Raises CalledProcessError if apt cannot fetch it."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        if not any(WHEELS.glob("pip-*.whl")):
            _download(here)
            (package,) = here.glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", package, here], check=True)
        yield next(path for place in (WHEELS, here / WHEELS.relative_to("/")) for path in place.glob("pip-*.whl"))


def _download(here: Path) -> None:
    """Fetches Debian's package with pip: downloading needs no root, installing would."""
    download = ["download", "python3-pip-whl"]
    if subprocess.run(["apt-get", "-qq", *download], cwd=here, check=False, stderr=subprocess.DEVNULL).returncode == 0:
        return
    # A fresh container has no lists of packages, and only root could fetch them where they belong.
    for folder in ("lists/partial", "cache/archives/partial"):
        (here / folder).mkdir(parents=True)
    places = {"Dir::State::Lists": here / "lists", "Dir::Cache": here / "cache", "Debug::NoLocking": "1"}
    own = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in places.items())]
    for command in (["update"], download):
        subprocess.run([*own, *command], cwd=here, check=True)


def install(place: Path, pip_program: str, *what: str) -> None:
    command = [str(place / "bin/python"), pip_program, "--quiet", "--disable-pip-version-check", "install", *what]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
