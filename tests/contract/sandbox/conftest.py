"""The running service, as in the integration tests."""

from tests.integration.sandbox.conftest import directory, service

__all__ = ["directory", "service"]
