"""The worker: claims runs, beats for them, and executes each as a loop over its journal.

Who is who: `StatelessCoordinator` claims and supervises; `RunOwnership` knows what is this worker's, and `Heartbeat`
keeps the leases, on a thread of its own; `RunRecovery` ends what nobody can execute; `WorkerLifecycle` hands over;
`AgentRunner` is the run loop; `ContextManager` and `PromptManager` make what the model is shown; `ResponseProcessor`
reads its answer; `ToolManager` executes its calls; `RunLog` is the one way in which a run writes; `Courier` delivers
what it owes.
"""
