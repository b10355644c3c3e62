"""One module a subject. Each handler parses, makes one call to the contest, and replies."""
