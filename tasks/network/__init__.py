"""Connections to other processes, whatever the environment and the other side do."""
