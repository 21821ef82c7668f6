"""What events say, compared with what each business system holds; what differs is repaired or reported."""
