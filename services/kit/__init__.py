"""The chassis every service stands on: it knows RPCs, storage and processes, and no business noun."""
