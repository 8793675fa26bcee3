"""Envoy's configuration as a pure function of settings, policy tables and the descriptor set.

surface   what the descriptor set and the policies say: one `Route` per method and binding
routes    routes and the virtual host          jwt       who is known
filters   the HTTP filter chain                replies   one error body for Envoy's own refusals
limits    token buckets                        clusters  the services behind
listener  the connection manager               bootstrap all of it
check     typed messages and `envoy --mode validate`
"""
