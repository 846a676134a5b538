"""From log files to counts: what a batch holds, what the ledger says of it, what cells become."""
