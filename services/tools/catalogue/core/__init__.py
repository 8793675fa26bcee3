"""Tools that need nothing outside this service."""
