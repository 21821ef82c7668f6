"""Taking turns: when the caller has finished, what is prepared meanwhile, what stops the agent."""
