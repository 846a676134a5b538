"""Access logs: where they lie, what vendors call what, how a file is read. No database here."""
