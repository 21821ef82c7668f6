"""The words by which personal data is told in English and Spanish. All languages are looked for in every text.

Callers mix them, and a word that hides something in one language hides nothing of worth in the other.
"""

_UNITS_EN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_UNITS_ES = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")
_TEENS_EN = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TEENS_ES = (
    *("diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve"),
    *("veinte", "veintiuno", "veintidós", "veintitrés", "veinticuatro", "veinticinco", "veintiséis", "veintisiete"),
    *("veintiocho", "veintinueve"),
)
_TENS_EN = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS_ES = ("treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa")
_HUNDREDS_ES = (
    *("cien", "doscientos", "trescientos", "cuatrocientos", "quinientos", "seiscientos", "setecientos"),
    *("ochocientos", "novecientos"),
)

UNITS = {word: str(n) for words in (_UNITS_EN, _UNITS_ES) for n, word in enumerate(words)} | {"oh": "0", "una": "1"}
"""Words of one digit."""
WHOLE = (
    {word: str(n) for words in (_TEENS_EN, _TEENS_ES) for n, word in enumerate(words, 10)}
    | {"dieciseis": "16", "veintidos": "22", "veintitres": "23", "veintiseis": "26"}
    | {word: str(n * 100) for n, word in enumerate(_HUNDREDS_ES, 1)}
)
"""Words of two or three digits to which no unit is added."""
TENS = {word: n for n, word in enumerate(_TENS_EN, 2)} | {word: n for n, word in enumerate(_TENS_ES, 3)}
"""Words of tens; a unit may follow."""
TIMES = {"double": 2, "triple": 3, "treble": 3, "doble": 2}
"""Words that say how often the next digit stands there."""

_LETTER_NAMES = (
    "be:B ce:C de:D efe:F ge:G hache:H jota:J ka:K ele:L eme:M ene:N pe:P cu:Q erre:R ese:S te:T uve:V equis:X zeta:Z "
    "zee:Z zed:Z ye:Y"
)
LETTERS = {letter: letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"} | {
    name: letter for name, _, letter in (pair.partition(":") for pair in _LETTER_NAMES.split())
}
"""Letters as they are named in Spanish and, where that is a word of its own, in English."""

BUSINESS = (
    r"orders?|tracking|invoices?|references?|ref|cases?|tickets?|confirmation|serial|models?|products?|items?|sku|part|"
    r"pedidos?|seguimiento|facturas?|referencias?|expedientes?|localizador|reserva|artículos?|serie|modelo|productos?|"
    r"(?:door|gate|promo|discount|coupon) code"
)
"""What has a number that is nobody's own."""

IDENTITY = (
    r"social security(?: number)?|ssn|social|national insurance(?: number)?|nhs(?: number)?|passport(?: number)?|"
    r"driver'?s? licen[cs]e(?: number)?|tax(?:payer)? id|"
    r"dni|nie|nif|seguridad social|pasaporte|cédula|carné de conducir|curp|rfc|documento(?: de identidad)?"
)
"""What a state gives each of its people a number for."""

CARD = (
    r"security code|c[ .-]?v[ .-]?[vc][ .]?2?|ce uve (?:uve|ce)|card(?: number)?|"
    r"credit card|debit card|código de seguridad|"
    r"tarjeta(?: de (?:crédito|débito))?"
)

CODE = r"(?<!door )(?<!zip )(?<!area )(?<!gate )(?<!postal )(?<!promo )(?<!coupon )(?<!discount )code|pin|código|clave"
"""What is the card's where a card was spoken of before."""

BIRTH = (
    r"(?:date of )?birth(?:day| date)?|d[ .]?o[ .]?b\.?|(?:was|is|were|am|i'm|she's|he's)?\s*born|"
    r"fecha de nacimiento|nacimiento|cumpleaños|cumplo años|nac(?:í|i|ió|io|ida|ido)"
)

MONTHS = (
    r"jan(?:uary)?|feb(?:ruary)?|march|april|may|june|july|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre"
)

ORDINALS = (
    r"first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth|primero"
)

STREETS_EN = (
    r"street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|place|pl|square|terrace|way|close|crescent|"
    r"highway|parkway|circle"
)
STREETS_ES = r"calle|avenida|avda|plaza|paseo|camino|carretera|ronda|travesía|callejón|urbanización"
PARTS = r"apartment|apt|flat|unit|suite|floor|piso|puerta|escalera|portal|bloque|apartamento|número|num|n[º°]|km"

FLOORS = (
    r"primero?|segundo|tercero?|cuarto|quinto|sexto|s[eé]ptimo|octavo|noveno|d[eé]cimo|bajo|ático|entresuelo|"
    r"izquierda|derecha|centro"
)

NAME_SURE = (
    r"(?:my|the|his|her|first|last|full|middle|maiden|family|sur)\s*name(?:'s| is|s|:)|i am called|they call me|"
    r"me llamo|se llama|(?:mi|su|el) nombre(?: completo)? es|(?:mi|el) (?:primer |segundo )?"
    r"apellido(?: de soltera)?(?: de mi madre)? es|me apellido|"
    r"a nombre de|under the name(?: of)?|in the name of|(?:the )?name on the \w+ is"
)
"""After these comes a name, however it is written."""
NAME_LIKELY = (
    r"i'?m|i am|this is|it'?s|speaking with|soy|habla|le habla|aqu[ií]|for|para|under|"
    r"(?:my|his|her|our|mi|su) (?:son|daughter|wife|husband|mother|father|brother|sister|partner|"
    r"girlfriend|boyfriend|fianc[ée]e?|aunt|uncle|cousin|niece|nephew|grand(?:mother|father|son|daughter)|"
    r"hij[oa]|mujer|marido|madre|padre|herman[oa]|pareja|espos[oa]|novi[oa]|abuel[oa]|tí[oa]|prim[oa]|niet[oa]|"
    r"sobrin[oa])"
)
"""After these a name may come: where it is written as one."""
TITLES = r"mr|mrs|ms|miss|dr|doctor|sr|sra|se[ñn]ora?|don|doña"

PARTICLES = frozenset({"de", "del", "la", "las", "los", "di", "da", "van", "von", "der", "den"})
"""They stand between the words of a name."""

_NO_NAME = """
mr mrs ms miss dr sr sra señor señora don doña
a an the and but or so to in on at by of for with from not no yes is are was am be been it i my me you your he she we
they that this there here just very really still also only maybe sorry please thanks thank calling looking trying having
going late new sure afraid happy interested done good fine okay ok hello hi well what when where
y o pero que de del la el los las un una es soy estoy sí si por para con en al mi su gracias hola
monday tuesday wednesday thursday friday saturday sunday lunes martes miércoles jueves viernes sábado domingo
january february march april may june july august september october november december today tomorrow tonight
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre hoy mañana
christmas easter spanish english llamo quería quisiera llamando spelled deletreo calle avenida cliente
"""
NO_NAME = frozenset(_NO_NAME.split())
"""No names, however they are written."""

_ALSO_WORDS = """
will may can mark grace hope art bill rich faith joy rose summer dawn drew guy frank miles
paz luz sol mar rosa cruz reyes flores campos blanco moreno rubio
"""
COMMON = NO_NAME | frozenset(_ALSO_WORDS.split())
"""Where a name was told, these are still no name elsewhere: they mean something else more often."""
