"""The pure rules of billing: money, prices, plans and what the ledger is asked to do."""
