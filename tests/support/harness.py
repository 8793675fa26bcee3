"""A service as in production, on a free port of this machine, and callers of every kind to try it.

The harness runs the service's own `build`; neighbours are fakes behind a real server (`serve_fake`), so that tokens,
errors and deadlines travel over real wires.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import grpc

from services.kit.auth import KeyRing, TokenMint, make_keys, sign_user_token
from services.kit.channels import open_as
from services.kit.clock import SystemClock
from services.kit.config import MeshSettings
from services.kit.context import Caller
from services.kit.lifecycle import Build
from services.kit.policy import PolicyTable, RoleLookup, Rule
from services.kit.server import Server

SERVICES = ("agent", "threads", "billing", "sandbox", "tools", "gateway")
JWT_SECRET = "a-secret-for-tests-that-is-long-enough-for-hs256"
ACCOUNTS: Mapping[str, str] = {
    "user": "11111111-1111-4111-8111-111111111111",
    "other": "22222222-2222-4222-8222-222222222222",
    "admin": "33333333-3333-4333-8333-333333333333",
    "super_admin": "44444444-4444-4444-8444-444444444444",
}

SettingsT = TypeVar("SettingsT", bound=MeshSettings)


def make_settings(settings_cls: type[SettingsT], directory: Path, **values: Any) -> SettingsT:
    """Settings for one service under test: a free port, keys for everybody, no `.env`."""
    keys = directory / "keys"
    make_keys(keys, SERVICES)
    given: dict[str, Any] = {
        "mesh_keys_dir": keys,
        "mesh_data_dir": directory,
        "supabase_jwt_secret": JWT_SECRET,
        "mesh_drain_s": 1.0,
    }
    make: Callable[..., SettingsT] = settings_cls
    return make(_env_file=None, **(given | values))


def user_token(account_id: str, *, lifetime_s: float = 3600, **claims: object) -> str:
    """A JWT as the identity provider would sign it."""
    return sign_user_token(JWT_SECRET, {"sub": account_id, **claims}, lifetime_s=lifetime_s, clock=SystemClock())


def service_token(keys_dir: Path, issuer: str, target: str, caller: Caller | None = None) -> str:
    """A token by which `issuer` calls `target`, on behalf of the caller's account and run."""
    clock = SystemClock()
    mint = TokenMint(issuer, KeyRing(keys_dir, clock).private(issuer), clock)
    return mint.token(target, caller or Caller("service"))


class ServiceHarness(Generic[SettingsT]):
    """Starts a service when entered and stops it when left.

    `stub(SomeStub, "user")` gives a stub that calls as that caller: a name in ACCOUNTS, `anonymous`, or
    `service:<name>`, the latter on behalf of `account`. Its calls raise `MeshError`s.
    """

    def __init__(self, settings: SettingsT, build: Build[SettingsT]) -> None:
        self.settings = settings
        self._build = build
        self._stack = AsyncExitStack()
        self.server: Server

    @property
    def address(self) -> str:
        return self.server.address

    async def __aenter__(self) -> Self:
        self.server = await self._build(self.settings, self._stack)
        await self._stack.enter_async_context(self.server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def channel(
        self, caller: str, account: str = "", run_id: str = "", epoch: int = 0, scopes: tuple[str, ...] = ()
    ) -> grpc.aio.Channel:
        """A channel of that caller, closed with the harness."""
        channel = open_as(self.address, self.bearer(caller, account, run_id, epoch, scopes))
        self._stack.push_async_callback(channel.close, None)
        return channel

    def stub(
        self,
        stub: Callable[[grpc.aio.Channel], Any],
        caller: str,
        account: str = "",
        run_id: str = "",
        epoch: int = 0,
        scopes: tuple[str, ...] = (),
    ) -> Any:
        """A generated stub that calls as that caller."""
        return stub(self.channel(caller, account, run_id, epoch, scopes))

    def bearer(
        self, caller: str, account: str = "", run_id: str = "", epoch: int = 0, scopes: tuple[str, ...] = ()
    ) -> str:
        """That caller's token; empty for the anonymous one."""
        if caller == "anonymous":
            return ""
        kind, _, service = caller.partition(":")
        if kind == "service":
            on_behalf = Caller("service", account_id=account, run_id=run_id, epoch=epoch, scopes=frozenset(scopes))
            return service_token(self.settings.mesh_keys_dir, service, self.settings.service, on_behalf)
        return user_token(ACCOUNTS[caller])


class FixedRoles(RoleLookup):
    """Roles by account: `admin` and `super_admin` of ACCOUNTS have theirs, nobody else has one."""

    async def role_of(self, subject: str) -> Any:
        return {ACCOUNTS["admin"]: "admin", ACCOUNTS["super_admin"]: "super_admin"}.get(subject)


class _Everybody(PolicyTable):
    """Lets everybody call everything: a fake is not where access is tested."""

    def __init__(self, service: str) -> None:
        super().__init__(f"mesh.{service}.v1", {})

    def check_complete(self, methods: Any) -> None:
        """Nothing is missing."""

    def rule(self, method: str) -> Rule:
        return Rule(users=True, anonymous=True, services=frozenset(SERVICES))


@asynccontextmanager
async def serve_fake(service: str, directory: Path, *register: Callable[[grpc.aio.Server], None]) -> AsyncIterator[str]:
    """A server of fakes in the name of a service; its address. `register` are generated `add_…` calls."""

    class Settings(MeshSettings):
        pass

    Settings.service = service
    server = Server(make_settings(Settings, directory), _Everybody(service))
    for add in register:
        add(server)
    async with server:
        yield server.address
