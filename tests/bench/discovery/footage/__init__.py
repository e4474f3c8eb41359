"""Every way to discover on real footage."""
