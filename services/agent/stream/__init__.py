"""A run's events on their way to its viewers: Postgres has the durable ones, Redis a disposable tail of all of them.

`RunPublisher` numbers and publishes, `Reader` merges both sources into one strictly increasing stream. The rules are in
the README beside this file.
"""
