"""The vocabulary that every layer shares: frozen values, no I/O."""
