"""What a person puts right goes to every business system that has it wrong."""
