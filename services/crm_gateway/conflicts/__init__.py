"""What several sources say of one contact, whose word counts, and what a person decides where they disagree."""
