"""The documented endpoint over HTTP."""
