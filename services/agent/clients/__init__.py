"""Ports over the neighbours' stubs."""
