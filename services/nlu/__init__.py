"""Natural language understanding: text to intents, entities and sentiment."""
