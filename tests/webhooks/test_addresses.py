"""Where messages go: by https to public addresses, and only to the address that was looked at."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from checkout.errors import Invalid
from checkout.webhooks import delivery, endpoints, posting, sending
from checkout.webhooks.posting import NotAllowed, Postman
from tests.shared.tls import authority
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver, receiving

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
Found = list[tuple[Any, ...]]


def resolving(monkeypatch: pytest.MonkeyPatch, *looks: tuple[str, ...]) -> list[str]:
    """The shop's name server answers so, one look after the other; returns the names that were asked for."""
    asked: list[str] = []
    left = list(looks)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> Found:
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://shop.example/hook",
            "ftp://shop.example",
            "https://",
            "shop.example",
            "",
            "https://user@shop.example/",
        ),
        *("https://shop.example/#part", "https://shop.example:0/", "https://shop.example:x/", "https://sh op.example/"),
        *("https://a..example/", "https://.example/", "https://" + "a" * 64 + ".example/"),
        *("https://商店.example/", "https://shop.example/\n", "https://shop.example/" + "x" * 2000),
        *("https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.1.2.3/", "https://192.168.1.1/"),
        *("https://172.16.0.1/", "https://169.254.169.254/latest", "https://0.0.0.0/", "https://100.64.0.1/"),
        *("https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/"),
        *("https://224.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://[2002:7f00:1::]/"),
        *("https://[fec0::1]/", "https://[::8.8.8.8]/", "https://[5f00::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_an_address_where_no_message_may_go_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        endpoints.require_allowed(url, private=False)


@pytest.mark.parametrize(
    "url", ["https://93.184.215.14/", "https://[2606:2800:21f:cb07::1]:8443/hook?a=b", "https://[64:ff9b::808:808]/"]
)
def test_a_public_address_is_taken(url: str) -> None:
    endpoints.require_allowed(url, private=False)


def test_a_name_that_nobody_knows_yet_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Found:
        raise socket.gaierror(socket.EAI_NONAME, "nobody knows it")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    endpoints.require_allowed("https://shop.example/", private=False)


def test_a_name_that_comes_to_mean_this_machine_gets_nothing(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ("93.184.215.14",), ("127.0.0.1",))
    endpoints.require_allowed("https://shop.example/", private=False)
    endpoint = sender.add(f"https://shop.example:{receiver.port}/", private=False)
    sender.happens("1", 1)
    assert sender.deliver(endpoint) == 0
    assert receiver.connections == 0
    found = sender.find(endpoint)
    assert found.last_answer == "not sent: shop.example is 127.0.0.1, which is no public address"
    assert (found.failures, found.set_aside) == (1, 0)


def test_what_is_no_name_at_all_is_an_address_that_nobody_has() -> None:
    with pytest.raises(OSError, match="no name"):
        posting.addresses("a" * 64 + ".example", 443, private=False)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ("93.184.215.14", "10.0.0.1"))
    with pytest.raises(NotAllowed):
        Postman("https://shop.example/", [SECRET], private=False)


def test_what_was_looked_at_is_connected_to_however_the_name_changes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between check and connect the name comes to mean another address: nobody asks for it again."""
    asked = resolving(monkeypatch, ("127.0.0.1",), ("10.0.0.1",))
    postman = Postman(f"http://shop.example:{receiver.port}/hook", [SECRET], private=True)
    answers = [postman.post(f"id-{number}", b'{"subject":"1","sequence":1}') for number in range(3)]
    postman.close()
    assert [answer.status for answer in answers] == [204, 204, 204]
    assert asked == ["shop.example"]
    assert receiver.got[0].headers["host"] == f"shop.example:{receiver.port}"
    assert receiver.connections == 1


@pytest.mark.parametrize(("name", "taken"), [("127.0.0.1", True), ("shop.example", False)])
def test_https_is_verified_by_the_name_not_by_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, taken: bool
) -> None:
    """The receiver's certificate is for 127.0.0.1, of an authority that this machine trusts here."""
    ca, chain = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with receiving(chain=chain) as receiver:
        resolving(monkeypatch, ("127.0.0.1",))
        postman = Postman(f"https://{name}:{receiver.port}/", [SECRET], private=True)
        answer = postman.post("id", b'{"subject":"1","sequence":1}')
        postman.close()
    assert answer.is_taken == taken
    assert taken or answer.text == "nobody answered: SSLCertVerificationError"


def test_a_stranger_s_certificate_is_refused(tmp_path: Path) -> None:
    _, chain = authority(tmp_path)
    with receiving(chain=chain) as receiver:
        postman = Postman(f"https://127.0.0.1:{receiver.port}/", [SECRET], private=True)
        assert postman.post("id", b"{}").text == "nobody answered: SSLCertVerificationError"
        postman.close()
        assert receiver.got == []


def test_a_name_that_ends_in_a_dot_is_known_by_its_certificate_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, chain = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with receiving(chain=chain) as receiver:
        resolving(monkeypatch, ("127.0.0.1",))
        postman = Postman(f"https://localhost.:{receiver.port}/", [SECRET], private=True)
        assert postman.post("id", b'{"subject":"1","sequence":1}').is_taken
        postman.close()
        assert receiver.got[0].headers["host"] == f"localhost:{receiver.port}"


def test_of_many_addresses_of_which_none_answers_a_few_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All waits together end before the endpoint's lease does."""
    resolving(monkeypatch, tuple(f"10.0.0.{number}" for number in range(1, 100)))
    tried: list[Any] = []

    def connected(_postman: Postman, address: posting.Address) -> socket.socket:
        tried.append(address.place)
        raise TimeoutError

    monkeypatch.setattr(Postman, "_connected", connected)
    postman = Postman("http://shop.example/", [SECRET], private=True)
    answer = postman.post("id", b"{}")
    assert (answer.status, answer.is_sent) == (None, False)
    waits = len(tried) * posting.CONNECT_SECONDS + posting.HANDSHAKE_SECONDS + 2 * posting.POST_SECONDS
    assert waits + sending.ROUND_SECONDS < delivery.LEASE_SECONDS


def test_a_kept_connection_that_the_receiver_has_ended_is_made_anew(receiver: Receiver) -> None:
    receiver.headers = {}
    postman = Postman(receiver.url, [SECRET], private=True)
    assert postman.post("1", b'{"subject":"1","sequence":1}').is_taken
    postman._own.connection.sock.shutdown(socket.SHUT_RDWR)
    assert postman.post("2", b'{"subject":"1","sequence":1}').is_taken
    postman.close()
    assert (receiver.ids(), receiver.connections) == (["1", "2"], 2)
