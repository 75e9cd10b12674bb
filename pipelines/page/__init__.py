"""One page of a run, explained: what each rule says of it, and which part of its text says so."""
