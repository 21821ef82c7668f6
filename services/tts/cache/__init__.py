"""The speech of fixed sentences, kept: those that the domains' files hold, the same for every caller.

What else is spoken may be about somebody, and is kept nowhere.
"""
