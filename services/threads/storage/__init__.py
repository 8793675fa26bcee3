"""Where threads keeps what it owns."""
