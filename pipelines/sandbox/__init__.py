"""Where pages are curated so that one that hangs, crashes or takes all memory costs only itself.

Design section 7. A template process has everything loaded and forks children; a child takes
pages in batches and says in shared memory which one it is at; its parent looks at the child's
CPU time and memory, and kills it when a page is over a limit. That page becomes `failed`.
"""
