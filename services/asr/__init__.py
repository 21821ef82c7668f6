"""Speech to text: streaming recognition with endpointing, partial, speculative and final transcripts."""
