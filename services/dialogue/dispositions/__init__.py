"""What a call came to, made of what both sides said: appointment, next step, commitments, entities, sentiment."""
