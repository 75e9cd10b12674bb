"""The pure core: signals, edits, rules and decisions. No I/O, no Ray."""
