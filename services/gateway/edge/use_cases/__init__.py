"""What the edge does, one verb a file."""
