"""What a tool, an execution and a task list are. Pure; standard library only."""
