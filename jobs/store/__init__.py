"""The store on disk: its lock, its snapshots, and a revision as copy, change, publish."""
