"""The ports over the neighbours' stubs. Calls for the user carry the user's own token, the others the gateway's."""
