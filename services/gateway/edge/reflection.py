"""What the mesh offers by gRPC, for admins who ask: the services behind the door, which answer for themselves."""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha._async import ReflectionServicer

from services.gateway.envoy.surface import load_surface
from services.gateway.openapi.document import DESCRIPTORS
from services.gateway.policies import load_rules


def public_services() -> ReflectionServicer:
    """Lists every service that has gRPC routes, and describes it."""
    descriptors = DESCRIPTORS.read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    surface = load_surface(descriptors, load_rules())
    return ReflectionServicer(sorted({rpc.full_service for rpc in surface.rpcs if rpc.cluster != "edge"}), pool)
