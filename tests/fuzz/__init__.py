"""Requests that nobody would write, to a whole mesh through Envoy: every answer must be one that is documented.

`python -m tests.fuzz` (`make fuzz`) is the long run. The e2e tests do a short one of the same.
"""
