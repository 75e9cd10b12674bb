"""Questions to the ledger: what each rule does, and what another recipe would do."""
