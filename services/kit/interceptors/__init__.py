"""What surrounds every RPC. Each interceptor is one class for unary and stream alike.

`chain.adapt` turns the four kinds of gRPC handlers into one kind, a coroutine over a `Call`, once, when the server
starts; an interceptor is a coroutine that does something, awaits `proceed(call)` and does something more. The nesting
is built once per method, so that an RPC pays for six awaits and nothing else.
"""

from services.kit.interceptors.auth import Authentication
from services.kit.interceptors.chain import Call, Interceptor, Proceed, adapt
from services.kit.interceptors.deadlines import Deadlines
from services.kit.interceptors.errors import Errors
from services.kit.interceptors.hold import Hold
from services.kit.interceptors.policy import Authorization
from services.kit.interceptors.telemetry import Telemetry
from services.kit.interceptors.validation import Validation

__all__ = [
    "Authentication",
    "Authorization",
    "Call",
    "Deadlines",
    "Errors",
    "Hold",
    "Interceptor",
    "Proceed",
    "Telemetry",
    "Validation",
    "adapt",
]
