"""The review queue's store, and what a decision does in each business system."""
