"""What a click may mean: several masks are made, and the one is chosen that fits best to all clicks and the colours."""
