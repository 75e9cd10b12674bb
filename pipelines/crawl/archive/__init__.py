"""Files of web archives: WARC, WET and ARC, from packed bytes to the pages in them."""
