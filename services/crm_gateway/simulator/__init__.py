"""A business system to develop, test and show with: real HTTP, state, and the faults of real ones."""
