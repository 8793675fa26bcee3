"""The protocol under a seeded scheduler: the engine itself (claim, fence, journal, stop, stream), in virtual time,
over a model of Postgres and Redis, with messages that take their time or are lost and workers that die or sleep.

    tables      Postgres: each statement of the agent's storage as one indivisible step, and a log of commits
    machines    processes: a wire to everything, SIGKILL, SIGSTOP
    neighbours  threads, billing, tools and a model, and what they really did
    world       one interleaving, from its seed
    checks      the invariants over what happened
    bugs        planted bugs, each of which must be found and named
"""
