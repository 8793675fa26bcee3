"""Ports over other services' stubs."""
