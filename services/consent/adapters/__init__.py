"""Where consent is kept and how others hear of it: one store or broker a file."""
