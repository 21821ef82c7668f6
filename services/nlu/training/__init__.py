"""Training and judging of the intents' heads; needs the extra `train`, nothing here runs in the service."""
