"""Sandboxes on this machine: bubblewrap around each command, a directory around each workspace.

Bubblewrap shares the kernel with the host: it keeps honest mistakes and a misled model inside, not an attacker with a
kernel exploit.
"""
