"""What is broken on purpose: processes killed, Telegram refusing, everybody at once."""
