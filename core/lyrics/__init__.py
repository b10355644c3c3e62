"""Text, and the writing of it, in numpy: corpora, recipes, model files, writers. No torch here."""
