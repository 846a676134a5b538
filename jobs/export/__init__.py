"""The documented answers as files: a folder for each day, or one file of all."""
