"""Measures lyricbot beside the article's code and torch.nn: ratios, all of one run."""
