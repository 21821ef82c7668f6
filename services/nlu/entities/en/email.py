"""How e-mail addresses are spoken in English."""

from services.nlu.entities.email import AddressWords, EmailReader

read_emails = EmailReader(
    AddressWords(
        at=("at", "at sign"),
        dot=("dot",),
        signs={
            "underscore": "_",
            "under score": "_",
            "dash": "-",
            "hyphen": "-",
            "minus": "-",
            "plus": "+",
        },
        heard_tops=dict.fromkeys(("con", "calm", "come", "comm", "cam"), "com"),
        cue=r"e-?mail(?: address)?(?: is|'s)?|address is|write to me at|reach me at",
        announcing="e-?mail(?: address)?|send it to|write to|address|it's|support",
        articles="the|a|an|our|this|that|sign",
        together="(?:that's )?(?:all )?(?:(?:one|1) word|together|no spaces|lower ?case)",
        no_names=frozenset({"is"}),
    )
)
