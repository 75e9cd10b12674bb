"""Several recipes on one crawl: read, extracted and measured once, each decided as if alone.

`units` curates a crawl file for all recipes, `pages` its pages in the sandbox; `together` leaves
a whole run of each recipe, `overlap` says where they agree, `told` shows it.
"""
