"""Engines that speak; each is found by its entry point in the group `voicemesh.tts.engines`."""
