"""What the API role does, one verb a file."""
