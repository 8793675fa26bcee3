"""agent: admits runs and executes them durably: one run loop over one journal in Postgres, streamed through Redis."""
