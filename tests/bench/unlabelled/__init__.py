"""What frames that nobody labelled teach a student, held against the same student without them."""
