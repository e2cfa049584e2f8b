# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is who, as the running daemon says it."""

from collections.abc import Callable

from esimshaper.lab import Lab, WanKind
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router


def test_new_client_has_its_name_and_addresses_within_seconds(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        client = lab.clients[0]
        lab.router.ip("neigh flush dev br0")
        router = make_router(lab).start()

        def known() -> tuple[str, set[str]]:
            found = [c for c in router.get("/v1/clients")["clients"] if c["mac"] == client.mac]
            return (found[0]["hostname"], set(found[0]["addresses"])) if found else ("", set())

        router.await_tick()
        assert client.ipv6 not in known()[1]
        client.run(["ping", "-6", "-c", "1", lab.servers6[0]])
        wait_until("its name", lambda: known()[0] == client.name, timeout=3)
        wait_until("its addresses", lambda: {client.ipv4, client.ipv6} <= known()[1], timeout=15)

        before = router.get("/v1/clients", client=client.mac)["clients"][0]["total"]["total_bytes"]
        given = router.run("name", "--config", str(router.config), client.name, "Eva's", "phone (old)")
        assert (given.returncode, given.stderr) == (0, "")
        for _ in range(2):  # it holds at once, and after a restart
            (called,) = router.get("/v1/clients", client="Eva's phone (old)")["clients"]
            assert (called["key"], called["total"]["total_bytes"] >= before) == (client.mac, True)
            assert router.stop() == 0
            router.start()
        router.run("name", "--config", str(router.config), "--clear", "Eva's phone (old)")
        assert [c["client"] for c in router.get("/v1/clients", client=client.mac)["clients"]] == [client.mac]
