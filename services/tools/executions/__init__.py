"""Executions: calls that belong to this process until their result is stored, whoever watches."""
