"""Ways to make a sandbox. Each is one package behind `ports.SandboxProvider`."""
