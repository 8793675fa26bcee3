"""The only SQL of sandbox."""
