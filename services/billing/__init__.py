"""Billing: who pays, what a model costs, and where every micro-credit went.

An account is made on first sight of its user. Its credits lie in buckets; a run holds a block of them before it spends,
its steps are posted against the hold, and its end gives the rest back. Every movement is an immutable double entry; the
balances are the entries' running fold, changed in the statement that writes them.
"""
