"""Crawl files as broken as they come, and what the reader accounts for in each."""
