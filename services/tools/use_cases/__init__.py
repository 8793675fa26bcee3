"""What tools does, a verb a file."""
