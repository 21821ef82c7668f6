"""Words that tell nothing beside a piece of information: "um, on Tuesday please" is all Tuesday."""

_ENGLISH = """
    a an and at by er erm for from i i'd i'm i'll in is it it's its just like maybe me my of oh ok okay on or please
    prefer so sure that that's the this to uh uhm um under well with would yeah yes name number be best fine good email
    address phone order day time am
"""
_SPANISH = """
    a ah al bien bueno claro como con correo creo de del desde digamos digo dirección día e eh el electrónico ella en
    entonces es esa ese eso esta este está favor hora la las le llamo lo los mejor me mi mis nombre número o para pedido
    pero perfecto por porque prefiero pues que quizás sea ser sería si soy su sí teléfono también tal un una vale vez y
    ya yo
"""
_FILLERS = {"en": frozenset(_ENGLISH.split()), "es": frozenset(_SPANISH.split())}


def fillers(language: str) -> frozenset[str]:
    """Return the filler words of a language, by its BCP 47 tag; none where they are not known."""
    return _FILLERS.get(language.lower().split("-")[0], frozenset())
