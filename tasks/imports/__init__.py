"""What a project starts from and is measured by: labels and masks from files of other tools, and held-out frames."""
