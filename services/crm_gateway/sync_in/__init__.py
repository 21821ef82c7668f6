"""Taking in what business systems say of contacts, deals and tickets: told by webhooks, and read by cursor."""
