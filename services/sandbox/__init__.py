"""Sandboxes: an isolated place per project in which commands run and files are kept.

The service owns which project has which sandbox and what became of each process; a provider (`providers/`) owns how
isolation is made. A process is known by the key of the execution that wanted it and is started at most once per key.
"""
