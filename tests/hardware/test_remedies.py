"""Errors of real HTTP clients, made by real sockets, have the remedy that loses and doubles nothing."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hybridq.contract.backend import Status
from hybridq.contract.errors import BackendError
from hybridq.hardware import Remedy
from hybridq.hardware.readings import counts_from, status_from
from hybridq.hardware.remedies import remedy_of

requests = pytest.importorskip("requests")


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        what = self.path.strip("/")
        if what == "drop":
            self.close_connection = True
        elif what == "half":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
        elif what == "hang":
            threading.Event().wait(2)
        elif what == "html":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")
        else:
            self.send_response(int(what))
            self.end_headers()


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def met(call):
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("no error")


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("401", Remedy.ASK),
        ("403", Remedy.ASK),
        ("400", Remedy.GIVE_UP),
        ("422", Remedy.GIVE_UP),
        ("429", Remedy.RETRY),
        ("500", Remedy.LOOK),
        ("502", Remedy.LOOK),
        ("503", Remedy.LOOK),
        ("504", Remedy.LOOK),
        ("drop", Remedy.LOOK),
        ("half", Remedy.LOOK),
        ("html", Remedy.LOOK),
        ("hang", Remedy.LOOK),
    ],
)
def test_answers_of_a_server(url, path, remedy):
    def ask():
        response = requests.get(f"{url}/{path}", timeout=0.3)
        response.raise_for_status()
        response.json()

    error = met(ask)
    assert remedy_of(error) is remedy
    wrapped = RuntimeError("the client's own")
    wrapped.__cause__ = error
    assert remedy_of(wrapped) is remedy


@pytest.mark.parametrize(("code", "remedy"), [(401, Remedy.ASK), (429, Remedy.RETRY), (503, Remedy.LOOK)])
def test_answers_by_another_client(url, code, remedy):
    error = met(lambda: urllib.request.urlopen(f"{url}/{code}", timeout=2))
    assert isinstance(error, urllib.error.HTTPError)
    assert remedy_of(error) is remedy


def test_what_never_reached_the_vendor_may_be_sent_again():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert remedy_of(met(lambda: requests.post(f"http://127.0.0.1:{port}", timeout=2))) is Remedy.RETRY
    assert remedy_of(met(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2))) is Remedy.RETRY


def test_a_certificate_that_does_not_fit_is_for_the_user(url):
    error = met(lambda: requests.get(url.replace("http:", "https:"), timeout=2))
    assert remedy_of(error) is Remedy.ASK


def test_a_mistake_of_ours_is_not_sent_again():
    assert remedy_of(ValueError("no such gate")) is Remedy.GIVE_UP
    loop = RuntimeError("behind itself")
    loop.__cause__ = loop
    assert remedy_of(loop) is Remedy.GIVE_UP


@pytest.mark.parametrize(
    ("found", "n_bits", "counts"),
    [
        ({"01": 3, "10": 1}, None, {"01": 3, "10": 1}),
        ({"0 1": 3, "1 0": 1}, None, {"01": 3, "10": 1}),
        ({"0x1": 3, "0x2": 1}, 3, {"001": 3, "010": 1}),
        ({"0x1": 3, "0x2": 1}, None, {"01": 3, "10": 1}),
        ({"1": 3}, 2, {"01": 3}),
        ({"0 01": 3, "1": 2}, 2, {"01": 5}),
    ],
)
def test_counts_are_read_in_every_form(found, n_bits, counts):
    assert counts_from(found, n_bits) == counts


@pytest.mark.parametrize("found", [{"0a": 1}, {"": 1}, ["01"], {"0xq": 2}])
def test_counts_that_are_none_are_refused(found):
    with pytest.raises(BackendError, match="counts"):
        counts_from(found)


def test_statuses_are_read_as_members_and_as_words():
    from qiskit.providers import JobStatus

    found = {status: status_from(status) for status in JobStatus}
    assert found[JobStatus.DONE] is Status.DONE
    assert found[JobStatus.ERROR] is Status.FAILED
    assert found[JobStatus.VALIDATING] is Status.QUEUED
    assert status_from("Running") is Status.RUNNING
    assert status_from("Canceled") is Status.CANCELLED
    with pytest.raises(BackendError, match="'paused'"):
        status_from("paused")
