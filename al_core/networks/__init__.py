"""Networks that several rooms use: small ones that a project trains for itself, their loss and where their weights are
kept, and SAM 2 with weights of the user's."""
