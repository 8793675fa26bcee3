"""A sandbox service without a sandbox: plain processes and a plain directory per project, behind the real RPCs."""
