"""Proto and domain, both ways: events, message rows and charges, runs. Pure."""
