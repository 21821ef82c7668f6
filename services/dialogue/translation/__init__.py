"""What a call came to, in the language of those who read it; the words that were said stay beside it."""
