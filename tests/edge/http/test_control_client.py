# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge control, the client's end: what it makes of those who do not answer as the daemon does."""

import contextlib
import socket
import threading

import pytest

from esimshaper.edge import control_client


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


def test_no_daemon_is_told_from_no_permission_and_from_a_stranger(tmp_path, path):
    with pytest.raises(control_client.DaemonNotRunning, match="not running"):
        control_client.get(tmp_path / "missing.sock", "/v1/status")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.bind(str(path))
        with pytest.raises(control_client.DaemonNotRunning):
            control_client.get(path, "/v1/status")  # bound, but nobody listens
        stranger.listen()
        for answer in (b"", b"220 mail ready\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\n\r\n[1]"):
            thread = threading.Thread(target=_answer_once, args=(stranger, answer))
            thread.start()
            with pytest.raises(control_client.ControlError):
                control_client.get(path, "/v1/status")
            thread.join()


def test_a_daemon_that_dies_in_the_middle_of_an_answer_is_no_stranger(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dying:
        dying.bind(str(path))
        dying.listen()
        half = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version": 1,'
        thread = threading.Thread(target=_answer_once, args=(dying, half))
        thread.start()
        with pytest.raises(control_client.ControlError, match="broke off its answer"):
            control_client.get(path, "/v1/status")
        thread.join()


def test_an_answer_that_comes_byte_by_byte_is_read_and_one_that_is_too_long_is_not(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
        slow.bind(str(path))
        slow.listen()
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nServer: x\r\n\r\n{}"
        for most, whole in ((2, True), (1, False)):
            thread = threading.Thread(target=_answer_once, args=(slow, *(bytes([each]) for each in answer)))
            thread.start()
            if whole:
                assert control_client.exchange(path, "GET", "/v1/status", None, 60, most) == (200, b"{}")
            else:
                with pytest.raises(OSError, match="too long"):
                    control_client.exchange(path, "GET", "/v1/status", None, 60, most)
            thread.join()


@pytest.mark.parametrize(
    ("target", "headers"), [("/v1/x HTTP/1.1\r\nA: b", {}), ("/v1/a b", {}), ("/v1/x", {"Authorization": "a\nb"})]
)
def test_nothing_that_is_asked_for_becomes_a_line_of_the_request(path, target, headers):
    with pytest.raises(ValueError, match="more lines"):
        control_client.exchange(path, "GET", target, None, 60, headers=headers)


def _answer_once(listening: socket.socket, *answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        with contextlib.suppress(BrokenPipeError):  # who asked has seen enough
            for piece in answer:
                connection.sendall(piece)


def test_a_daemon_at_which_too_many_wait_is_not_called_broken(path):
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(str(path))
        full.listen(0)
        first.connect(str(path))
        with pytest.raises(control_client.ControlError, match="did not answer in time"):
            control_client.get(path, "/v1/status")
