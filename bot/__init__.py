"""Telegram, and nothing else: an update is parsed, the contest asked once, a reply sent."""
