"""The tables of tools."""
