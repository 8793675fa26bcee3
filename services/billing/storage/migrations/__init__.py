"""The schema's history: forward only, never edited."""
