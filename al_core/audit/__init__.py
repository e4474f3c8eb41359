"""What a random sample says of the masks that nobody looked at: estimates, and certificates."""
