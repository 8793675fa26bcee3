"""llm: how a run reaches a model: a port, its adapters, and the registry that knows which name goes by which."""
