"""Tools that work in a project's sandbox."""
