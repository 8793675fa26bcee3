"""The ports of sandbox over other services' stubs."""
