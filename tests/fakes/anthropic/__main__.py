"""`python -m tests.fakes.anthropic`: the server as a process of its own. Its first line is its base URL."""

from __future__ import annotations

from tests.fakes.anthropic.protocol import AnthropicProtocol
from tests.fakes.llm.__main__ import main

if __name__ == "__main__":
    main("anthropic", AnthropicProtocol())
