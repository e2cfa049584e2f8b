# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon leaves, and root passes on, to a real dnsmasq: names refused at no cost, and answered as before."""

import os
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper import block_lists, resolver
from esimshaper.core.model.withholding import Metered, SaverSettings
from esimshaper.core.services.dns import read_message
from esimshaper.edge.dnsmasq import files, server
from esimshaper.edge.dnsmasq.server import Places
from esimshaper.lab.namespaces import wait_until
from tests.edge.dnsmasq.resolvers import AAAA, HTTPS, NXDOMAIN, A, Resolver, answer_of, router_and_upstream

needs_dnsmasq = pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="needs dnsmasq")
THIRD_PARTIES = [f"ads{number}.example" for number in range(30)]


class Box:
    """The folders of a box, and what the daemon has left there."""

    def __init__(self, root: Path) -> None:
        self.root, self.lists, self.files = root, root / "lists", root / "files"
        (root / "etc").mkdir()
        self.lists.write_text("".join(f"0.0.0.0 {name}\n" for name in THIRD_PARTIES))
        self.saver = SaverSettings((str(self.lists),), files=str(self.files), metered=Metered.AUTO)
        self.places = Places(root / "etc", root / "no-manager", root, root / "run/servers", root / "no-main")

    def write(self, allowed: tuple[str, ...] = (), withheld: tuple[str, ...] = ()) -> list[str]:
        order = {"lists": [str(self.lists)], "kept": str(self.root / "state/names"), "files": str(self.files)}
        return [str(each) for each in block_lists.obey(order | {"allowed": allowed, "withheld": withheld})["problems"]]

    def obey(self, router: Resolver | None = None, *, metered: bool = False, alive: bool = True) -> list[str]:
        tell = router.tell if router else lambda _: None
        places = replace(self.places, tell=tell)
        return resolver.obey(self.saver, {"metered": metered} if alive else None, places, self.root)

    def takes(self, router: Resolver, name: str, kind: int = A) -> int:
        return router.ask(name, kind)[0]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@needs_dnsmasq
def test_names_cost_nothing_beyond_the_router_and_are_answered_again_when_nobody_is_there(box, tmp_path):
    box.write()
    with router_and_upstream(tmp_path, f"--conf-dir={box.root / 'etc'}") as (router, upstream):
        assert box.obey(router) == []
        assert router.verbs == ["try-restart"], "it had no configuration of ours"
        before = upstream.queries()
        asked = [
            router.ask(f"{sub}{name}", kind)
            for name in THIRD_PARTIES
            for sub in ("", "cdn.")
            for kind in (A, AAAA, HTTPS)
        ]
        assert {code for code, _ in asked} == {NXDOMAIN}
        assert upstream.queries() == before, "not one question about them has left"
        assert router.ask("www.example", A) == (0, 1)
        here = ("127.0.0.1", router.port)
        assert read_message(answer_of(here, "ads3.example", A)).is_refused, "what counts how much is refused knows it"
        assert not read_message(answer_of(here, "www.example", A)).is_refused

        box.write(allowed=("ads3.example", "login.ads4.example"), withheld=("video.example",))
        box.obey(router)
        wait_until("what was allowed", lambda: box.takes(router, "ads3.example") == 0)
        assert (box.takes(router, "login.ads4.example"), box.takes(router, "ads4.example")) == (0, NXDOMAIN)
        assert box.takes(router, "cdn.video.example") == NXDOMAIN

        shutil.rmtree(box.files)  # with the folder of a daemon that has died
        box.obey(router, alive=False)
        wait_until("answers as before", lambda: box.takes(router, "ads4.example") == 0)
        assert router.verbs[1:] == ["try-reload-or-restart"] * 2


@needs_dnsmasq
def test_without_the_settings_all_of_it_goes(box, tmp_path):
    box.write()
    with router_and_upstream(tmp_path, f"--conf-dir={box.root / 'etc'}") as (router, _):
        box.obey(router, metered=True)
        assert "dhcp-option-force=43,ANDROID_METERED" in (box.root / "etc/esimshaper.conf").read_text()
        box.obey(router, metered=False)
        assert "dhcp-option" not in (box.root / "etc/esimshaper.conf").read_text()
        assert resolver.take_away(replace(box.places, tell=router.tell)) == [
            f"{box.root}/etc/esimshaper.conf of dnsmasq"
        ]
        assert router.verbs == ["try-restart"] * 3
        assert box.takes(router, "ads4.example") == 0
        assert not (box.root / "etc/esimshaper.conf").exists()


@needs_dnsmasq
def test_phones_are_told_of_a_page_with_a_certificate(box):
    url = "https://data.example.com/.well-known/captive-portal"
    box.saver = replace(box.saver, portal=url)
    assert box.obey() == []
    assert f"dhcp-option=114,{url}\n" in (box.root / "etc/esimshaper.conf").read_text()


@needs_dnsmasq
def test_a_word_that_the_owner_has_already_ends_no_dnsmasq(box):
    (box.root / "etc/own.conf").write_text("min-cache-ttl=60\n")
    (problem,) = box.obey()
    assert "illegal repeated keyword" in problem
    assert not (box.root / "etc/esimshaper.conf").exists()


def test_the_same_again_tells_dnsmasq_nothing(box, tmp_path):
    quiet = Resolver(tmp_path)
    box.write()
    box.places.servers.parent.mkdir()
    box.places.servers.write_bytes((box.files / "servers").read_bytes())
    (box.root / "etc/esimshaper.conf").write_text(server.configuration(box.places.servers, metered=False))
    assert box.obey(quiet) == []
    assert quiet.verbs == []


def test_while_the_daemon_is_dead_devices_hear_what_they_heard(box, tmp_path):
    quiet = Resolver(tmp_path)
    (box.root / "etc/esimshaper.conf").write_text(server.configuration(box.places.servers, metered=True))
    assert box.obey(quiet, alive=False) == []
    assert "ANDROID_METERED" in (box.root / "etc/esimshaper.conf").read_text()


@pytest.mark.parametrize(
    "line", ["server=/bank.example/192.0.2.66", "dhcp-script=/bin/sh", "server=192.0.2.66", "address=/a.example/"]
)
def test_whoever_takes_the_daemon_over_can_lead_no_name_astray(box, line):
    box.files.mkdir()
    (box.files / "servers").write_text(f"server=/ads.example/\n{line}\n")
    (problem,) = box.obey()
    assert problem == f"{box.files}/servers has other lines than names to refuse, so every name is answered"
    assert box.places.servers.read_bytes() == b""
    (box.files / "link").symlink_to(box.lists)
    assert server.names_to_refuse(box.files / "link") == b""


@needs_dnsmasq
@pytest.mark.parametrize("is_first", [True, False])
def test_who_was_killed_before_dnsmasq_was_told_is_made_up_for(box, is_first):
    def die(_: str) -> None:
        raise TimeoutError("systemd does not answer")

    verbs: list[str] = []
    told, untold = replace(box.places, tell=verbs.append), replace(box.places, tell=die)
    box.write()
    if not is_first:
        resolver.obey(box.saver, {"metered": False}, told, box.root)
        box.write(withheld=("video.example",))
        verbs.clear()
    with pytest.raises(TimeoutError):
        resolver.obey(box.saver, {"metered": False}, untold, box.root)
    for _ in range(2):
        assert resolver.obey(box.saver, {"metered": False}, told, box.root) == []
        assert verbs == ["try-restart"], "once: it may have had no configuration of ours"
    with pytest.raises(TimeoutError):
        server.remove(untold)
    for _ in range(2):
        server.remove(told)
        assert verbs == ["try-restart"] * 2


@needs_dnsmasq
def test_a_configuration_that_ends_dnsmasq_is_taken_away_also_by_the_one_after_who_was_killed(box):
    box.write()
    assert box.obey() == []
    (box.root / "etc/own.conf").write_text("min-cache-ttl=60\n")
    box.places.servers.with_name("untold").touch()
    assert len(box.obey()) == 1
    assert not (box.root / "etc/esimshaper.conf").exists()


def test_a_bad_list_leaves_the_one_before_in_force(box):
    assert box.write() == []
    good = (box.files / "servers").read_text()
    box.lists.write_text("new.example\ncom\n")
    assert box.write(allowed=("a.example",)) == [f"{box.lists}:2: `com` would take away all names that end so"]
    assert (box.files / "servers").read_text() == f"{good}server=/a.example/#\n", "what is allowed by hand holds"
    box.lists.unlink()
    assert "cannot be read" in box.write()[0]
    assert (box.files / "servers").read_text() == good
    box.lists.write_text("new.example\n")
    assert box.write() == []
    assert (box.files / "servers").read_text() == "server=/new.example/\n"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfads.example\r\n", b"ads.example\r", b"# \xff\xfe\0\nads.example"])
def test_a_list_of_another_system_is_read_as_one_of_ours(box, content):
    box.lists.write_bytes(content)
    assert box.write() == []
    assert (box.files / "servers").read_text() == "server=/ads.example/\n"


@pytest.mark.parametrize("odd", ["loop", "folder", "pipe", "/dev/zero"])
def test_what_is_no_file_is_told_and_waited_for_by_nobody(box, odd):
    (box.root / "loop").symlink_to(box.root / "loop")
    (box.root / "folder").mkdir()
    os.mkfifo(box.root / "pipe")
    box.lists = box.root / odd
    (problem,) = box.write()
    assert problem.startswith(f"{box.lists}: it cannot be read: ")
    assert not (box.root / "state/names.refused").exists(), "it is looked at again"
    assert (box.files / "servers").read_text() == ""


def test_a_list_of_zeros_takes_no_more_memory_than_another(box):
    with box.lists.open("wb") as file:
        file.truncate(200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert box.write() == [f"{box.lists}:1: the line has more than 65536 characters"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("rest", [b"\xff\xfe\xfd", b"[]\n\xff.example\n", b""])
def test_names_that_were_kept_and_are_damaged_hold_nobody_up(box, rest):
    assert box.write() == []
    good = (box.files / "servers").read_text()
    (box.root / "state/names").write_bytes(rest)
    assert box.write() == []
    assert (box.files / "servers").read_text() == good


def test_a_list_that_has_become_readable_is_read_again(box):
    box.lists.chmod(0)
    before = files.signature([str(box.lists)])
    box.lists.chmod(0o644)
    assert files.signature([str(box.lists)]) != before


def test_a_list_with_a_mistake_is_not_read_again_before_it_has_changed(box, monkeypatch):
    box.lists.write_text("com\n")
    problems = box.write()
    read: list[str] = []
    lines_of = files.lines_of
    monkeypatch.setattr(files, "lines_of", lambda path, *more: read.append(path) or lines_of(path, *more))
    assert box.write(allowed=("a.example",)) == problems
    assert read == [], "somebody waits for the name that is allowed"
    assert (box.files / "servers").read_text() == "server=/a.example/#\n"
    box.lists.write_text("net\n")
    assert box.write() == [f"{box.lists}:1: `net` would take away all names that end so"]
    (box.root / "state/names.refused").write_bytes(b"\xff")
    assert box.write() == [f"{box.lists}:1: `net` would take away all names that end so"]


def test_everybody_may_read_what_is_written(box):
    box.write()
    assert (box.files.stat().st_mode & 0o777, (box.files / "servers").stat().st_mode & 0o777) == (0o755, 0o644)
    assert [each.name for each in box.files.iterdir()] == [files.SERVERS], "nothing half is left beside it"
