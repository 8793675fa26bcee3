"""What can be done with sandboxes: one verb a file."""
