"""One command a file: what it is told, what it shows, its exit code."""
