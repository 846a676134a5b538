"""Commands of the reading side; only this room prints and exits."""
