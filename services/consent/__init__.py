"""The consent service: may this customer be spoken to, for this, now?"""
