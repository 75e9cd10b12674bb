"""Everything that touches bytes, network or Ray: from crawl files to a published dataset."""
