"""Real PostgreSQL, Redis and Envoy from Python wheels: for a machine that has nothing but Python."""
