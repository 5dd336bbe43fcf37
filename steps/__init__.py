"""The steps of the flight-delay project: one module for each phase of CRISP-DM."""
