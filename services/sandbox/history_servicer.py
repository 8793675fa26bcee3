"""The RPC edge of the file history: decode, call one use case, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2
from mesh.sandbox.v1 import history_pb2 as pb
from mesh.sandbox.v1 import history_pb2_grpc

from services.kit.context import current_caller
from services.sandbox import codec, history_codec
from services.sandbox.use_cases.get_commit import GetCommit
from services.sandbox.use_cases.list_tree import ListTree
from services.sandbox.use_cases.list_versions import ListVersions
from services.sandbox.use_cases.read_file import PIECE_BYTES
from services.sandbox.use_cases.read_version import ReadVersion
from services.sandbox.use_cases.revert_files import RevertFiles


@dataclass(frozen=True)
class HistoryUseCases:
    """What the RPCs call."""

    list_tree: ListTree
    list_versions: ListVersions
    get_commit: GetCommit
    read_version: ReadVersion
    revert_files: RevertFiles


class SandboxHistoryServicer(history_pb2_grpc.SandboxHistoryServicer):
    """For people."""

    def __init__(self, use: HistoryUseCases) -> None:
        self._use = use

    async def ListTree(self, request: pb.ListTreeRequest, _context: Any) -> pb.ListTreeResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        listing = await self._use.list_tree(visit, request.path, history_codec.decode_commit(request.commit))
        return pb.ListTreeResponse(files=codec.encode_files(listing))

    async def ListVersions(self, request: pb.ListVersionsRequest, _context: Any) -> pb.ListVersionsResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        limit = request.limit or history_codec.DEFAULT_LIMIT
        path, versions = await self._use.list_versions(visit, request.path, limit)
        return pb.ListVersionsResponse(path=path, versions=map(history_codec.encode_version, versions))

    async def GetCommit(self, request: pb.GetCommitRequest, _context: Any) -> pb.GetCommitResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        commit = history_codec.decode_commit(request.commit)
        view, parts = await self._use.get_commit(visit, commit, request.path)
        return history_codec.encode_commit(view, parts)

    async def ReadVersion(self, request: pb.ReadVersionRequest, _context: Any) -> AsyncIterator[httpbody_pb2.HttpBody]:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        data = await self._use.read_version(visit, request.path, history_codec.decode_commit(request.commit))
        for begin in range(0, len(data) or 1, PIECE_BYTES):
            piece = data[begin : begin + PIECE_BYTES]
            yield httpbody_pb2.HttpBody(content_type="application/octet-stream", data=piece)

    async def RevertFiles(self, request: pb.RevertFilesRequest, _context: Any) -> pb.RevertFilesResponse:
        visit = codec.decode_visit(current_caller().account_id, request.sandbox_id)
        commit = history_codec.decode_commit(request.commit)
        paths, files = await self._use.revert_files(visit, commit, request.paths)
        return history_codec.encode_reverted(commit, paths, files)
