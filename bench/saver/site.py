# SPDX-License-Identifier: GPL-2.0-or-later
"""The sites of the benchmark: nginx with TLS 1.3 and HTTP/2 on the lab's internet host, QUIC beside it. Owns processes.

A video service has an address and a name of its own, by which its bytes are known; pages, players and a download come
from another. All of it is in one folder, which both serve.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.sites import make_certificate

ROOT = Path(__file__).parents[2]
VIDEO_NAME, VIDEO = "r3.googlevideo.com", "198.51.100.200"
"""A name that the catalogue has as video, and its address in the lab."""
PAGE_NAME, PAGE = "www.example.org", "198.51.100.201"
DOWNLOAD, DOWNLOAD_BYTES = "download.bin", 40_000_000
_PORT = 443

_CONFIGURATION = """
daemon off;
user root; # the folder is nobody else's
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    types {{ text/html html; application/javascript js; video/mp4 m4s; application/dash+xml mpd;
             application/vnd.apple.mpegurl m3u8; }}
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen {video}:443 ssl http2;
        listen {page}:443 ssl http2;
        root {root};
        add_header Access-Control-Allow-Origin *;
    }}
}}
"""


@contextlib.contextmanager
def serving(lab: Lab, root: Path, folder: Path) -> Iterator[Path]:
    """Serves `root` at both addresses, and gives the certificate. `folder` is for what nginx writes."""
    lab.internet.ip(*(f"addr add {address}/32 dev lo" for address in (VIDEO, PAGE)))
    certificate, key = make_certificate(folder)
    written = _CONFIGURATION.format(folder=folder, certificate=certificate, key=key, video=VIDEO, page=PAGE, root=root)
    configuration = folder / "nginx.conf"
    configuration.write_text(written, encoding="utf-8")
    program = shutil.which("nginx", path=f"{ROOT}/.venv/bin:{os.environ['PATH']}") or "nginx"
    nginx = lab.internet.popen(
        [program, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until("the start of nginx", lambda: nginx.poll() is not None or _listens(nginx.pid), timeout=20)
        if nginx.poll() is not None:
            raise RuntimeError(f"nginx has ended: {nginx.stderr.read() if nginx.stderr else ''}")
        with _over_quic(lab, certificate, key, root):
            yield certificate
    finally:
        nginx.terminate()
        nginx.wait(20)


@contextlib.contextmanager
def _over_quic(lab: Lab, certificate: Path, key: Path, root: Path) -> Iterator[None]:
    """The films over HTTP/3 as well, by a program in Python, which takes a processor for some 20 Mbit/s."""
    program = Path(__file__).with_name("quic_site.py")
    command = [str(ROOT / ".venv/quic/bin/python"), str(program), str(certificate), str(key), VIDEO, str(root)]
    with lab.internet.popen(command, stdout=subprocess.PIPE) as site:
        try:
            if not site.stdout or site.stdout.readline() != b"ready\n":
                raise RuntimeError("the site over QUIC has ended")
            yield
        finally:
            site.kill()


def _listens(pid: int) -> bool:
    return f":{_PORT:04X} " in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii")
