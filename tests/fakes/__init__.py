"""Fakes: servers that speak the real protocols of what tests can not reach, admitted by the suites of the real ones."""
