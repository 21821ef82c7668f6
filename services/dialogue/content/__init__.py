"""What was said in calls, kept apart from events: written, handed out, and deleted in time."""
