"""For comparison: runs owned by a lock with a time to live, as it is often done, in as little code as is honest.

Redis holds the lock (SET NX PX, renewed only by who holds it), the progress and an idempotency key for each charge;
rows are buffered and flushed to Postgres every so often; a sweep takes over runs that are running and not locked, and
goes on behind the last step that is known. What is usually missing (recovery that resumes, renewal that checks, a
second look into Postgres when Redis forgot) is here. Times are those of the mesh under chaos.

    worker      the design
    __main__    the same crashes, pauses and wipes at the same boundaries, and the figures
"""
