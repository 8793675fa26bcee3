"""Ed25519 keys on disk: `<service>.pem` is a service's own, `<service>.pub` lets the others verify it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kit.clock import Clock
from services.kit.config import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FRESH_S = 60.0


class KeyRing:
    """The keys in one directory. Public keys are read again after a minute, so that a new one is noticed."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._public: dict[str, tuple[float, Ed25519PublicKey]] = {}

    def private(self, service: str) -> Ed25519PrivateKey:
        """The service's own key; ConfigError where it cannot be read."""
        path = self._directory / f"{service}.pem"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError):
            raise ConfigError(f"{path} is no readable Ed25519 key; set MESH_KEYS_DIR to where the keys are") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{path} is not an Ed25519 key")
        return key

    def public(self, service: str) -> Ed25519PublicKey | None:
        """A service's public key; None for an unknown or impossible name."""
        known = self._public.get(service)
        if known and self._clock.monotonic() - known[0] < _FRESH_S:
            return known[1]
        key = self._read_public(service) if _NAME.fullmatch(service) else None
        if key is not None:
            self._public[service] = (self._clock.monotonic(), key)
        return key

    def _read_public(self, service: str) -> Ed25519PublicKey | None:
        try:
            key = serialization.load_pem_public_key((self._directory / f"{service}.pub").read_bytes())
        except (OSError, ValueError):
            return None
        return key if isinstance(key, Ed25519PublicKey) else None


def make_keys(directory: Path, services: Iterable[str]) -> None:
    """Makes the missing key pairs; private keys are readable by their owner alone."""
    directory.mkdir(parents=True, exist_ok=True)
    for service in services:
        private = directory / f"{service}.pem"
        if not private.exists():
            key = Ed25519PrivateKey.generate()
            _write(directory / f"{service}.pub", _public_pem(key), 0o644)
            _write(private, _private_pem(key), 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
