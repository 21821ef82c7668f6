"""The review queue: writes that are not sure enough wait here for a person."""
