"""Text to speech: text pieces in, audio and word times out."""
