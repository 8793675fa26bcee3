"""A model server that speaks Anthropic's Messages protocol, streaming, and performs the directives of mock-ai.

It is `tests.fakes.llm` with another protocol: the same log, dialects and faults. It refuses what Anthropic refuses of
a request, so that a wrong mapping fails here and not there. `python -m tests.fakes.anthropic` runs it as a process.
"""
