"""What every back-end has to do, whoever labels and wherever."""
