"""The agent's SQL, one file a port: runs (admission and reads), ownership, journal, outbox, events.

Every durable write of a run begins with the fence: an UPDATE of its row that allocates the numbers of the rows it
guards, in the same statement. No row back means that somebody else owns the run.
"""
