"""What a flow's author works with: check, scripted dialogues, a chat and a drawing. No service needs it to run."""
