"""The CRM gateway: the caller's context on the voice path, and records of calls off it."""
