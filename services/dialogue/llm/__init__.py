"""A language model that decides the agent's words: streamed sentence by sentence, with the flow engine behind it."""
