"""Reviews of answers, and what people write to each other about frames."""
