"""What other labelling tools read and write, turned into labels and back without losing a pixel."""
