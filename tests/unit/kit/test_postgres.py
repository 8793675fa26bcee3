"""What the driver raises, in the words of the house."""

from __future__ import annotations

import asyncpg
import pytest

from services.kit.postgres import StorageUnavailable, UnforeseenFailure, neutral_errors, outages

AWAY = [
    asyncpg.ReadOnlySQLTransactionError,  # a failover, or a managed server whose storage is full
    asyncpg.PostgresIOError,
    asyncpg.InternalServerError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConfigurationLimitExceededError,
    asyncpg.StatementCompletionUnknownError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    TimeoutError,
    ConnectionResetError,
]
UNFORESEEN = [asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError, asyncpg.InvalidPasswordError]


@pytest.mark.parametrize("failure", AWAY)
def test_a_server_that_can_not_serve_is_away(failure: type[Exception]) -> None:
    with pytest.raises(StorageUnavailable), neutral_errors():
        raise failure("no")


@pytest.mark.parametrize("failure", UNFORESEEN)
def test_a_statement_that_is_wrong_stays_an_error(failure: type[Exception]) -> None:
    with pytest.raises(failure), neutral_errors():
        raise failure("no")


@pytest.mark.parametrize("failure", [*UNFORESEEN, asyncpg.UniqueViolationError, asyncpg.InterfaceError])
def test_who_can_only_try_again_is_told_an_outage_whatever_it_is(failure: type[Exception]) -> None:
    with pytest.raises(UnforeseenFailure), outages():
        raise failure("no")


def test_an_outage_that_was_foreseen_is_told_as_such() -> None:
    with pytest.raises(StorageUnavailable) as told, outages():
        raise asyncpg.DiskFullError("no")
    assert type(told.value) is StorageUnavailable
