"""tools: the catalogue of what a run may call, and executions: calls that outlive whoever asked for them."""
