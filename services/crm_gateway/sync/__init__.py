"""The sync process: events of calls in, records in business systems out. No caller ever waits for it."""
