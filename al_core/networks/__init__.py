"""Small networks that a project trains for itself: their shape, their loss, and where their weights are kept."""
