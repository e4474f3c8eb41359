"""What is known of a delivery that nobody looked at: its audit, its certificates, and the masks that these freeze."""
