"""What questions to a ledger cost: `make bench-audit`."""
