"""A run's directory in a bucket of S3: its addresses as paths, and what may be done with them."""
