"""Objects that are carried to other frames while somebody looks."""
