"""How words feel, in languages that no library scores: one scorer, and a list of words for each language."""
