"""Training a classifier of one's own, and measuring it on sites that it has not seen."""
