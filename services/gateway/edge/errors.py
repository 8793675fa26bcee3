"""What the edge itself refuses. What a neighbour refuses passes through unchanged."""

from __future__ import annotations

from services.kit.errors import DeadlineExceeded, InvalidArgument, MeshError, NotFound, RateLimited, Unavailable


class InvalidCursor(InvalidArgument):
    """Not an event's id: neither Last-Event-ID nor ?last_id= takes anything else."""

    reason = "INVALID_CURSOR"


class InvalidBody(InvalidArgument):
    """The body is not what its content type says, or not of a type that is read here."""

    reason = "INVALID_BODY"


class BodyTooLarge(MeshError):
    """More than may be sent at once."""

    code = InvalidArgument.code
    http_status = 413
    reason = "REQUEST_TOO_LARGE"
    default_message = "The request body is too large"


class BodyTooSlow(MeshError):
    """A body that does not come, or hardly."""

    code = DeadlineExceeded.code
    http_status = 408
    reason = "REQUEST_TIMEOUT"
    default_message = "The request was not sent in time"


class NoRoom(Unavailable):
    """This machine's disk can not hold the body."""

    reason = "NO_ROOM"
    default_message = "There is no room for the upload now"


class TooManyStreams(RateLimited):
    """The user's open event streams are at their limit."""

    reason = "TOO_MANY_STREAMS"
    default_message = "Too many open event streams"


class AssetNotFound(NotFound):
    """The documents have no such part."""

    reason = "ASSET_NOT_FOUND"


class Draining(Unavailable):
    """This instance is about to end; another one answers."""

    reason = "DRAINING"
    default_message = "This instance is shutting down"


class Unhealthy(Unavailable):
    """Something that the mesh stands on does not answer; `params` say what."""

    reason = "UNHEALTHY"
    default_message = "A part of the mesh does not answer"
