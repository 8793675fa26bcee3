"""A model server that speaks OpenAI's chat completions, in the dialects and with the faults that real ones have.

It performs the directives of mock-ai (docs/mock-ai.md), so that a test says in its prompt what the model does; the
dialect is the end of the model's name (`anything:crlf`). It is lean, so that in a benchmark it measures the caller.
`python -m tests.fakes.llm` runs it as a process; `serving` runs it in the test's own loop.
"""
