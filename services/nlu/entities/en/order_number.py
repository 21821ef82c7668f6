"""How order numbers are told in English."""

from services.nlu.entities.en.digits import DIGITS
from services.nlu.entities.order_number import OrderNumberReader, OrderWords

read_order_numbers = OrderNumberReader(
    DIGITS,
    OrderWords(
        spelled_as="as in|for|like",
        letter_sounds={
            "hey": "A",
            "eh": "A",
            "be": "B",
            "bee": "B",
            "see": "C",
            "sea": "C",
            "dee": "D",
            "gee": "G",
            "jay": "J",
            "kay": "K",
            "pea": "P",
            "tea": "T",
            "tee": "T",
            "why": "Y",
            "ex": "X",
            "the": "A",
        },
        doubtful_sounds=frozenset({"the"}),
        order_cue="order|ticket|booking|case|invoice|reference|confirmation|tracking|receipt",
        number_cue=r"\b(?:number|no|id|code)\b[.:,#]?(?: (?:is|was|it's|would be))?[ :,#]*$",
        phone_cue="phone|mobile|cell|telephone|card",
        quantity=(
            r"dollars?|euros?|pounds?|cents?|bucks|percent|%|days?|weeks?|months?|years?|hours?|minutes?|items?"
            r"|pieces?|people|times|am\b|pm\b|a\.m|p\.m|o'clock"
        ),
        articles=frozenset({"a "}),
        scales=("hundred", "thousand", "million"),
    ),
)
