"""Projects, threads and messages: what a person and an agent said to each other, and who may read it.

A project is what can be shared and what a sandbox belongs to; threads are conversations in it; messages are a thread's
rows, in the order of their insertion. Everything here is owned by one account.
"""
