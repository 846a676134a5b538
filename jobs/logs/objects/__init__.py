"""Logs in object stores: what lies there, and how it is read from afar."""
