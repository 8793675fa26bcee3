"""The HTTP adapter over TLS: the same answers, the same stop, and no word to a server that proves nothing."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.agent.llm.errors import UserCode
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.transport import StreamTransport
from tests.contract.llm.asking import ask, request
from tests.fakes.llm.server import FakeLlm, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "model server")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
        now + datetime.timedelta(hours=1)
    )
    signed = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def fake(certificate: Path) -> AsyncIterator[FakeLlm]:
    """A model server behind TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with serving(FakeLlm(), tls=context) as made:
        yield made


@pytest.fixture
async def adapter(fake: FakeLlm, certificate: Path) -> AsyncIterator[OpenAiCompatible]:
    """An adapter that trusts the server."""
    trust = ssl.create_default_context(cafile=str(certificate))
    made = OpenAiCompatible(fake.url, transport=StreamTransport(ssl_context=trust))
    yield made
    await made.aclose()


async def test_answers_come_over_tls_on_one_connection(fake: FakeLlm, adapter: OpenAiCompatible) -> None:
    texts = [(await ask(adapter, request(f"[[say answer {number}]] [[tokens 5000]]"))).text for number in range(2)]

    assert [text.splitlines()[0] for text in texts] == ["answer 0", "answer 1"]
    assert fake.connections == 1


async def test_stop_closes_a_tls_socket_at_once(fake: FakeLlm, adapter: OpenAiCompatible) -> None:
    async with aclosing(adapter.stream(request("[[say begun]] [[wait 1h]]"))) as batches:
        await anext(batches)
    stopped = time.time()

    call = await fake.log.when(lambda call: call["disconnected_at"] is not None)

    assert call["disconnected_at"] - stopped < 0.2


async def test_cut_over_tls_is_no_success(adapter: OpenAiCompatible) -> None:
    heard = await ask(adapter, request("[[say begun]] [[cut]]"))

    assert heard.text == "begun"
    assert heard.error is not None


async def test_server_that_is_not_trusted_is_not_spoken_to(fake: FakeLlm) -> None:
    stranger = OpenAiCompatible(fake.url, "key")

    heard = await ask(stranger, request("hello"))
    await stranger.aclose()

    assert heard.error is not None
    assert heard.error.user_facing.code == UserCode.NETWORK_ERROR
    assert fake.log.calls() == []
