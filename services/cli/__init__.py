"""The command `mesh`: runs the whole mesh on one machine, and is a client of its public surface.

As a launcher it knows processes, ports and health, and nothing of what the services do; as a client it knows REST and
SSE, as any other client does. It imports no service.
"""
