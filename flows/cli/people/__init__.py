"""What people say about each other's answers."""
