"""Real PostgreSQL and Redis from Python wheels, for a machine that has nothing but Python. Envoy is the gateway's."""
