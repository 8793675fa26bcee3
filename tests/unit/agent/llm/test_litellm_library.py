"""Who pays for litellm, and what it may do."""

from __future__ import annotations

import subprocess
import sys

from tests.support.mesh import CHECKOUT

_ALONE = """
import sys
import services.agent.app, services.billing.app
print(sorted(name for name in ("litellm", "openai", "tiktoken", "boto3") if name in sys.modules))
"""
_LOADED = """
import asyncio, socket, sys, threading

def refused(*_):
    raise AssertionError("the network was used")

socket.getaddrinfo = socket.socket.connect = socket.create_connection = refused
from services.agent.llm.litellm_library import load
library = asyncio.run(load())
litellm = library.litellm
callbacks = (litellm.callbacks, litellm.success_callback, litellm.failure_callback, litellm._async_success_callback)
print([thread.name for thread in threading.enumerate()], litellm.num_retries, litellm.telemetry, any(callbacks))
"""


def _printed(script: str) -> str:
    run = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_no_service_imports_it_before_a_model_needs_it() -> None:
    assert _printed(_ALONE) == "[]"


def test_loading_uses_no_network_and_leaves_no_thread_no_retry_and_no_callback() -> None:
    assert _printed(_LOADED) == "['MainThread'] 0 False False"
