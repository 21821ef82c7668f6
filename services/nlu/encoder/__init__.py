"""The sentence encoder: MiniLM, converted once to CTranslate2 and cached."""
