"""Pages that are taken out of a finished run, or of a dataset on the Hub, on request.

What a takedown leaves is what the run gives without these pages, and nothing else: they
have taken part in everything before, so a copy that was dropped as a repeat of one of them
does not come back in its place (docs/publish.md).
"""
