"""What analysts ask: SQL within a fence and a deadline, its output, and the contract explained."""
