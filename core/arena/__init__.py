"""Where people judge: duels, votes and what they say, releases, and where all this is kept."""
