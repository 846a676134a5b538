"""The writing side: from access-log files to a published snapshot."""
