"""Between messages of the file history and the domain; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mesh.sandbox.v1 import history_pb2 as pb

from services.sandbox.domain import ChangeKind, CommitView, FileChange, Version
from services.sandbox.paths import shown
from services.sandbox.ports import Parts

DEFAULT_LIMIT = 100
LISTED = 1000
_LISTED_BYTES = 1024 * 1024
_EFFECTS = {
    ChangeKind.ADDED: "will_restore",
    ChangeKind.MODIFIED: "will_modify",
    ChangeKind.DELETED: "will_delete",
}


def decode_commit(commit: str) -> str:
    """As the history writes it."""
    return commit.lower()


def encode_version(version: Version) -> pb.FileVersion:
    return pb.FileVersion(
        commit=version.commit,
        author_name=version.author_name,
        author_email=version.author_email,
        date=version.made_at.isoformat(),
        message=version.message,
    )


def encode_commit(view: CommitView, parts: Parts) -> pb.GetCommitResponse:
    version = view.version
    return pb.GetCommitResponse(
        commit=version.commit,
        author_name=version.author_name,
        author_email=version.author_email,
        date=version.made_at.isoformat(),
        message=version.message,
        files_in_commit=(pb.FileChange(path=shown(file.path), status=file.kind) for file in _listed(view.changed)),
        revert_files=(
            pb.FileChange(path=shown(file.path), status=file.kind, revert_effect=_EFFECTS[file.kind])
            for file in _listed(view.on_revert)
        ),
        revert_affects_files=len(view.on_revert),
        path_in_commit=_touched(view.changed, parts),
        path_affected_on_revert=_touched(view.on_revert, parts),
    )


def encode_reverted(commit: str, paths: Sequence[Parts], files: Sequence[str]) -> pb.RevertFilesResponse:
    return pb.RevertFilesResponse(
        status="success",
        mode="snapshot_files" if paths else "snapshot_repo",
        target_commit=commit,
        reverted_files=(shown(file) for file in files[:LISTED]),
        affected_paths=("/".join(parts) for parts in paths),
    )


def _listed(files: Sequence[FileChange]) -> Iterator[FileChange]:
    """As many as one answer holds, whatever their names."""
    left = _LISTED_BYTES
    for file in files[:LISTED]:
        left -= len(file.path)
        if left < 0:
            return
        yield file


def _touched(files: Sequence[FileChange], parts: Parts) -> bool:
    """Whether a file, or something in a directory, is among them."""
    path = "/".join(parts)
    return bool(path) and any(file.path == path or file.path.startswith(f"{path}/") for file in files)
