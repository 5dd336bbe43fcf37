"""One construct for each concern; they know names from `Place`, and no account."""
