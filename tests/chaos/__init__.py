"""Faults injected by the thousand into a whole mesh, and a checker over what really happened.

points     fault points: the agent's and its neighbours' ports, wrapped in test processes alone
orders     what a process does at which point: files, taken once
stage      a mesh whose wires are TCP fault proxies and whose parts can be killed at any rate
proxy      one wire: cut, stalled, half open, slow
audit      triggers that write down every step of every run's ownership and journal
clients    people: they start, watch, hang up, stop, and remember what they were promised; visitor: one who only looks
checker    the invariants, over tables, audit, effects and histories
scenario   how it is done to the mesh, and whether it was felt; faults: what, where and in which order
outage     whose runs an outage of Postgres took; hours: what time a part takes it to be
campaign   rounds of scenarios from one seed; report: the table; gates: what is asked of a run of the suite
baseline   the same crashes against a lock with a time to live
sim        the protocol alone under a seeded scheduler, with planted bugs
"""
