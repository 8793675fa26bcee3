"""The cases of a token: who passes, and everything that must not."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.kit.auth import Authenticator, KeyRing, ServiceTokens, TokenMint, UserTokens, make_keys
from services.kit.auth.jwks import Jwks, KeysUnavailable
from services.kit.auth.parsing import ExpiredToken, InvalidToken
from services.kit.context import Caller
from services.kit.errors import Unauthenticated

SECRET = "a-secret-for-tests-that-is-long-enough-for-hs256"
ISSUER = "https://id.example/auth/v1"
SUB = "11111111-1111-4111-8111-111111111111"
START = 1_800_000_000.0


@dataclass
class FrozenClock:
    """Stands still until told."""

    at: float = START

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at


class Provider:
    """An identity provider's JWKS endpoint, with keys that can be rotated and an outage that can be had."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.fetches = 0
        self.away = False

    def add_ec(self, kid: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        self.keys[kid] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
        return key

    def add_rsa(self, kid: str) -> rsa.RSAPrivateKey:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys[kid] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        return key

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.away:
            return httpx.Response(503)
        return httpx.Response(200, json={"keys": [jwk | {"kid": kid} for kid, jwk in self.keys.items()]})


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(tmp_path, ["agent", "threads"])
    return tmp_path


@pytest.fixture
def authenticator(clock: FrozenClock, provider: Provider, keys: Path) -> Authenticator:
    jwks = Jwks("https://id.example/jwks", provider.client(), clock)
    users = UserTokens(secret=SECRET, jwks=jwks, issuer=ISSUER, clock=clock)
    return Authenticator(users, ServiceTokens("threads", KeyRing(keys, clock), clock), clock)


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": SUB, "iss": ISSUER, "exp": int(START) + 600} | more


def hs256(**more: Any) -> str:
    return jwt.encode({k: v for k, v in claims(**more).items() if v is not None}, SECRET, "HS256")


def segment(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).rstrip(b"=").decode()


def resigned(header: str, body: str, secret: str = SECRET) -> str:
    """A token with exactly this header and body, rightly signed by HS256."""
    signing = f"{segment(header)}.{segment(body)}".encode()
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing, secret.encode())
    return f"{signing.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_a_users_token_names_user_and_account(authenticator: Authenticator) -> None:
    caller = await authenticator.authenticate(f"Bearer {hs256()}")
    assert (caller.kind, caller.subject, caller.account_id) == ("user", SUB, SUB)


async def test_no_header_is_anonymous(authenticator: Authenticator) -> None:
    assert (await authenticator.authenticate(None)).kind == "anonymous"


async def test_an_audience_is_not_asked_for(authenticator: Authenticator) -> None:
    assert await authenticator.authenticate(f"Bearer {hs256(aud='authenticated')}")


async def test_a_role_in_claims_means_nothing(authenticator: Authenticator) -> None:
    token = hs256(role="admin", app_metadata={"role": "super_admin"}, user_metadata={"role": "admin"})
    assert await authenticator.authenticate(f"Bearer {token}") == Caller("user", SUB, SUB, token=token)


REFUSED: dict[str, Callable[[], str]] = {
    "no signature": lambda: jwt.encode(claims(), "", "none"),
    "wrong secret": lambda: jwt.encode(claims(), "another-secret-that-is-long-enough-too", "HS256"),
    "another hmac": lambda: jwt.encode(claims(), SECRET + SECRET, "HS512"),
    "no expiry": lambda: hs256(exp=None),
    "expiry is text": lambda: resigned('{"alg":"HS256"}', json.dumps(claims(exp="2099"))),
    "expiry is true": lambda: resigned('{"alg":"HS256"}', json.dumps(claims(exp=True))),
    "not yet valid": lambda: hs256(nbf=int(START) + 60),
    "wrong issuer": lambda: hs256(iss="https://evil.example/auth/v1"),
    "no issuer": lambda: hs256(iss=None),
    "no subject": lambda: hs256(sub=None),
    "subject is no uuid": lambda: hs256(sub="admin"),
    "oversize": lambda: hs256(padding="x" * 9000),
    "duplicate claim": lambda: resigned('{"alg":"HS256"}', '{"sub":"x",' + json.dumps(claims())[1:]),
    "duplicate header": lambda: resigned('{"alg":"none","alg":"HS256"}', json.dumps(claims())),
    "jku": lambda: jwt.encode(claims(), SECRET, "HS256", {"jku": "https://evil.example"}),
    "x5u": lambda: jwt.encode(claims(), SECRET, "HS256", {"x5u": "https://evil.example"}),
    "jwk": lambda: resigned('{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}', json.dumps(claims())),
    "crit": lambda: resigned('{"alg":"HS256","crit":["exp"]}', json.dumps(claims())),
    "kid is a path": lambda: jwt.encode(
        claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "../../etc/passwd"}
    ),
    "kid is a number": lambda: resigned('{"alg":"HS256","kid":7}', json.dumps(claims())),
    "not a token": lambda: "rubbish",
    "two parts": lambda: "a.b",
    "not base64": lambda: "a!.b!.c!",
    "not json": lambda: f"{segment('{')}.{segment('{')}.x",
    "an array": lambda: f"{segment('[]')}.{segment('[]')}.x",
    "deep nesting": lambda: resigned('{"alg":"HS256"}', "[" * 3000 + "]" * 3000),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_is_refused(authenticator: Authenticator, provider: Provider, case: str) -> None:
    provider.add_ec("known")
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(f"Bearer {REFUSED[case]()}")


async def test_the_public_key_as_hmac_secret_is_refused(authenticator: Authenticator, provider: Provider) -> None:
    key = provider.add_rsa("r1")
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    forged = resigned('{"alg":"HS256","kid":"r1"}', json.dumps(claims()), pem.decode())
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(f"Bearer {forged}")


async def test_an_expired_token_is_told_so(authenticator: Authenticator) -> None:
    with pytest.raises(ExpiredToken):
        await authenticator.authenticate(f"Bearer {hs256(exp=int(START) - 1)}")


async def test_a_verified_token_ends_when_it_ends(authenticator: Authenticator, clock: FrozenClock) -> None:
    token = hs256(exp=int(START) + 10)
    await authenticator.authenticate(f"Bearer {token}")
    clock.at += 11
    with pytest.raises(ExpiredToken):
        await authenticator.authenticate(f"Bearer {token}")


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "token"])
async def test_another_scheme_is_refused(authenticator: Authenticator, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_the_providers_keys_verify(authenticator: Authenticator, provider: Provider, kind: str) -> None:
    key, algorithm = (provider.add_ec("k"), "ES256") if kind == "ec" else (provider.add_rsa("k"), "RS256")
    token = jwt.encode(claims(), key, algorithm, {"kid": "k"})
    assert (await authenticator.authenticate(f"Bearer {token}")).subject == SUB


async def test_an_algorithm_that_is_not_the_keys_is_refused(authenticator: Authenticator, provider: Provider) -> None:
    provider.add_ec("k")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(f"Bearer {jwt.encode(claims(), key, 'RS256', {'kid': 'k'})}")


async def test_a_rotated_key_works_at_once(
    authenticator: Authenticator, provider: Provider, clock: FrozenClock
) -> None:
    old = provider.add_ec("old")
    await authenticator.authenticate(f"Bearer {jwt.encode(claims(), old, 'ES256', {'kid': 'old'})}")
    new = provider.add_ec("new")
    clock.at += 60
    assert await authenticator.authenticate(f"Bearer {jwt.encode(claims(), new, 'ES256', {'kid': 'new'})}")


async def test_invented_key_ids_do_not_hammer_the_provider(authenticator: Authenticator, provider: Provider) -> None:
    key = provider.add_ec("k")
    for _ in range(20):
        token = jwt.encode(claims(), key, "ES256", {"kid": str(uuid.uuid4())})
        with pytest.raises(InvalidToken):
            await authenticator.authenticate(f"Bearer {token}")
    assert provider.fetches == 1


async def test_known_keys_outlive_an_outage_of_the_provider(
    authenticator: Authenticator, provider: Provider, clock: FrozenClock
) -> None:
    key = provider.add_ec("k")
    await authenticator.authenticate(f"Bearer {jwt.encode(claims(), key, 'ES256', {'kid': 'k'})}")
    provider.away = True
    clock.at += 7200
    later = claims(exp=int(clock.at) + 60)
    assert await authenticator.authenticate(f"Bearer {jwt.encode(later, key, 'ES256', {'kid': 'k'})}")


async def test_a_provider_that_was_never_there_is_unavailable(authenticator: Authenticator, provider: Provider) -> None:
    key = provider.add_ec("k")
    provider.away = True
    with pytest.raises(KeysUnavailable):
        await authenticator.authenticate(f"Bearer {jwt.encode(claims(), key, 'ES256', {'kid': 'k'})}")


@pytest.fixture
def mint(keys: Path, clock: FrozenClock) -> TokenMint:
    return TokenMint("agent", KeyRing(keys, clock).private("agent"), clock)


async def test_a_services_token_says_on_whose_behalf(authenticator: Authenticator, mint: TokenMint) -> None:
    run = Caller("service", account_id=SUB, run_id="r", epoch=4, scopes=frozenset({"tools"}))
    caller = await authenticator.authenticate(f"Bearer {mint.token('threads', run)}")
    assert (caller.kind, caller.service, caller.account_id) == ("service", "agent", SUB)
    assert (caller.run_id, caller.epoch, caller.scopes) == ("r", 4, frozenset({"tools"}))


async def test_a_minted_token_is_reused_until_near_its_end(mint: TokenMint, clock: FrozenClock) -> None:
    first = mint.token("threads", Caller("service"))
    clock.at += 200
    assert mint.token("threads", Caller("service")) == first
    clock.at += 60
    assert mint.token("threads", Caller("service")) != first


async def test_a_token_for_another_target_is_refused(authenticator: Authenticator, mint: TokenMint) -> None:
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(f"Bearer {mint.token('billing', Caller('service'))}")


@pytest.mark.parametrize(
    "wrong",
    [{"iss": "stranger"}, {"iss": "../agent"}, {"iss": "threads"}, {"aud": None}, {"iat": None}, {"exp": START + 3600}],
)
async def test_a_services_token_is_refused(
    authenticator: Authenticator, keys: Path, clock: FrozenClock, wrong: dict[str, Any]
) -> None:
    good = {"iss": "agent", "aud": "threads", "iat": int(START), "exp": int(START) + 300}
    body = {name: value for name, value in (good | wrong).items() if value is not None}
    token = jwt.encode(body, KeyRing(keys, clock).private("agent"), "EdDSA")
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(f"Bearer {token}")


def test_private_keys_are_their_owners_alone(keys: Path) -> None:
    assert (keys / "agent.pem").stat().st_mode & 0o077 == 0


def test_keys_that_exist_are_kept(keys: Path) -> None:
    before = (keys / "agent.pem").read_bytes()
    make_keys(keys, ["agent"])
    assert (keys / "agent.pem").read_bytes() == before
