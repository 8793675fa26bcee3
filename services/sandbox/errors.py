"""Why a call to sandbox fails: one class per reason of `mesh.sandbox.v1.ErrorReason`."""

from __future__ import annotations

from typing import Self

from services.kit.errors import (
    AlreadyExists,
    Conflict,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)


class SandboxNotFound(NotFound):
    """No such sandbox, or not one the caller may see."""

    reason = "SANDBOX_NOT_FOUND"

    @classmethod
    def of(cls, **ids: str) -> Self:
        """For `sandbox_id=` or `project_id=`."""
        return cls("Sandbox not found", params=dict(ids))


class ProjectNotFound(NotFound):
    """No such project, or not one the caller may see."""

    reason = "PROJECT_NOT_FOUND"

    @classmethod
    def of(cls, project_id: str) -> Self:
        """For the id the caller named."""
        return cls("Project not found", params={"project_id": project_id})


class ReadOnlyProject(PermissionDenied):
    """A public project that the caller may read, not change."""

    reason = "READ_ONLY_PROJECT"

    @classmethod
    def of(cls, project_id: str) -> Self:
        """For the project the caller wanted to change."""
        return cls("This project is read only for you", params={"project_id": project_id})


class FileMissing(NotFound):
    """No such file or directory."""

    reason = "FILE_NOT_FOUND"

    @classmethod
    def of(cls, path: str) -> Self:
        """For the path as the sandbox sees it."""
        return cls("File not found", params={"path": path})


class InvalidPath(InvalidArgument):
    """Not a path, or one that leaves the workspace."""

    reason = "INVALID_PATH"

    @classmethod
    def at(cls, path: str, why: str, *, field: str = "path") -> Self:
        """`why` says what is wrong with the field."""
        return cls(f"{field} {why}", params={"path": path[:200]}, violations=[FieldViolation(field, why)])


class WrongFileType(Conflict):
    """A directory where a file is wanted, the reverse, a device, or a file whose mode forbids it."""

    reason = "WRONG_FILE_TYPE"

    @classmethod
    def of(cls, path: str, why: str) -> Self:
        """`why` says what is there."""
        return cls(why, params={"path": path})


class FileTooLarge(Conflict):
    """Larger than one file may be."""

    reason = "FILE_TOO_LARGE"
    http_status = 413

    @classmethod
    def of(cls, limit_bytes: int) -> Self:
        """For the limit that was passed."""
        return cls("The file is too large", params={"limit_bytes": limit_bytes})


class QuotaExceeded(RateLimited):
    """The workspace is full: of bytes, of files, or of directories inside directories."""

    reason = "QUOTA_EXCEEDED"
    http_status = 507

    @classmethod
    def of(cls, what: str, limit: int) -> Self:
        """`what` is `bytes`, `inodes` or `depth`."""
        return cls(f"The workspace is full ({what})", params={f"limit_{what}": limit})


class TooManyProcesses(RateLimited):
    """As many commands as a sandbox may run at once."""

    reason = "TOO_MANY_PROCESSES"

    @classmethod
    def of(cls, limit: int) -> Self:
        """For the limit that was reached."""
        return cls("Too many commands run in this sandbox", params={"limit": limit}, retry_after_s=1)


class SshNotSupported(Conflict):
    """The provider has no way in by SSH."""

    reason = "SSH_NOT_SUPPORTED"

    @classmethod
    def of(cls, provider: str) -> Self:
        """For the sandbox's provider."""
        return cls(f"Sandboxes of the {provider} provider have no SSH access", params={"provider": provider})


class IsolationUnavailable(Unavailable):
    """This machine cannot isolate commands; the message says what to do."""

    reason = "ISOLATION_UNAVAILABLE"

    @classmethod
    def of(cls, missing: str) -> Self:
        """`missing` is what the self-test found."""
        return cls(f"Commands cannot be isolated on this machine: {missing}", params={"missing": missing})


class ProcessNotFound(NotFound):
    """No process of that key."""

    reason = "PROCESS_NOT_FOUND"

    @classmethod
    def of(cls, key: str) -> Self:
        """For the key that was asked for."""
        return cls("Process not found", params={"key": key})


class ProcessConflict(AlreadyExists):
    """The same key came with another command."""

    reason = "PROCESS_CONFLICT"

    @classmethod
    def of(cls, key: str) -> Self:
        """For the key that is taken."""
        return cls("This key belongs to another command", params={"key": key})


class CommitNotFound(NotFound):
    """No such commit in the sandbox's history, or no longer."""

    reason = "COMMIT_NOT_FOUND"

    @classmethod
    def of(cls, commit: str) -> Self:
        """For the commit the caller named."""
        return cls("Commit not found", params={"commit": commit})


class RevertConflict(Conflict):
    """Going back would destroy what the history does not hold, or files keep changing meanwhile."""

    reason = "REVERT_CONFLICT"

    @classmethod
    def of(cls, path: str, why: str) -> Self:
        """`why` says what is in the way."""
        return cls(why, params={"path": path})
