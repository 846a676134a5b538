"""The report: its figures, its drawings, its page."""
