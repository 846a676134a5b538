"""Commands of the writing side; only this room prints, exits and maps exit codes."""
