"""Everything that is not Telegram: lyrics, the network, the contest, and what joins them."""
