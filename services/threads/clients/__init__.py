"""The ports of threads over other services' stubs."""
