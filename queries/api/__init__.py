"""The documented request and its answer, and what goes beyond the document."""
