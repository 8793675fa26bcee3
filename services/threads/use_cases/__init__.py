"""What threads does, one verb a file."""
