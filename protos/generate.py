"""Generates protos/gen from protos/mesh: messages, stubs, types and the one descriptor set.

The `.proto` files of buf.validate are not shipped by the protovalidate package: its file descriptor is, and protoc
takes a descriptor set as well as a source. google/api and google/rpc come from googleapis-common-protos.

    python protos/generate.py            write protos/gen
    python protos/generate.py --check    exit 1 when protos/gen is not what the sources say
"""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import google.api
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parent
GEN = ROOT / "gen"
COMMON = Path(next(iter(google.api.__path__))).parents[1]
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
VALIDATE = "buf/validate/validate.proto"


def validate_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """buf.validate and what it imports, from the installed protovalidate package."""
    from protovalidate._gen.buf.validate import validate_pb

    files = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(serialized: bytes, name: str) -> None:
        proto = descriptor_pb2.FileDescriptorProto.FromString(serialized)
        for dependency in proto.dependency:
            if dependency not in seen:
                seen.add(dependency)
                files.file.append(well_known(dependency))
        if name not in seen:
            seen.add(name)
            files.file.append(proto)

    descriptor = validate_pb.desc().proto
    add(descriptor.to_binary(), VALIDATE)
    return files


def well_known(name: str) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor of one of google.protobuf's own files."""
    import importlib

    module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    proto = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(proto)
    return proto


def run_protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit("protoc failed: see above")


def generate(out: Path) -> None:
    """Writes everything below `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        validate = Path(scratch) / "validate.binpb"
        validate.write_bytes(validate_descriptors().SerializeToString())
        run_protoc(f"--descriptor_set_in={validate}", f"--python_out={out}", f"--pyi_out={out}", VALIDATE)
        sources = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "mesh").rglob("*.proto"))
        everything = Path(scratch) / "all.binpb"
        describe(sources, validate, everything)
        run_protoc(
            f"--descriptor_set_in={everything}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        )
        shutil.copy(everything, out / "mesh.binpb")
    for package in ("mesh", "buf"):
        (out / package / "py.typed").touch()


def describe(sources: list[str], validate: Path, target: Path) -> None:
    """One descriptor set of all our protos and their imports, with comments."""
    with tempfile.TemporaryDirectory() as scratch:
        common = Path(scratch) / "common.binpb"
        imports = [
            "google/api/annotations.proto",
            "google/api/httpbody.proto",
            "google/protobuf/descriptor.proto",
            "google/protobuf/timestamp.proto",
            "google/protobuf/duration.proto",
            "google/protobuf/struct.proto",
            "google/rpc/status.proto",
            "google/rpc/error_details.proto",
        ]
        run_protoc(f"-I{COMMON}", f"-I{WELL_KNOWN}", "--include_imports", f"--descriptor_set_out={common}", *imports)
        merged = descriptor_pb2.FileDescriptorSet.FromString(common.read_bytes())
        known = {file.name for file in merged.file}
        for file in descriptor_pb2.FileDescriptorSet.FromString(validate.read_bytes()).file:
            if file.name not in known:
                merged.file.append(file)
        imported = Path(scratch) / "imports.binpb"
        imported.write_bytes(merged.SerializeToString())
        ours = Path(scratch) / "ours.binpb"
        run_protoc(
            f"-I{ROOT}",
            f"--descriptor_set_in={imported}",
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={ours}",
            *sources,
        )
        shutil.copy(ours, target)


def differences(left: Path, right: Path) -> list[str]:
    """Files that differ between two trees, by relative path."""
    names = {
        p.relative_to(tree)
        for tree in (left, right)
        for p in tree.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    return sorted(
        str(name)
        for name in names
        if not (left / name).exists()
        or not (right / name).exists()
        or not filecmp.cmp(left / name, right / name, shallow=False)
    )


def main() -> None:
    if "--check" not in sys.argv[1:]:
        generate(GEN)
        return
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "gen"
        generate(fresh)
        stale = differences(fresh, GEN)
    if stale:
        raise SystemExit("protos/gen is stale, run `make proto`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
