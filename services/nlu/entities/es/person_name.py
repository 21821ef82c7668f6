"""How names are given in Spanish."""

import re

from services.nlu.entities.person_name import NameWords, PersonNameReader

_TITLE = r"(?: (?:el|la))?(?: (?:señor|señora|señorita|sr\.?|sra\.?|srta\.?|don|doña|doctor|doctora|dr\.?|dra\.?))?"
_STRONG = re.compile(
    r"\b(?:me llamo|se llama|(?:mi|su|el)(?: propio)? nombre(?: completo)?(?: es| sería|:)|(?:mi|el) apellido(?: es)?"
    r"|a nombre de|al nombre de|nombre:|me dicen)" + _TITLE + r",? "
)
_WEAK = re.compile(
    r"\b(?:yo soy|soy|le habla|habla|es para|para|por parte de|de parte de|con|es|dije|quise decir|perdón,?|no,?"
    r"|mi (?:hijo|hija|esposo|esposa|marido|mujer|mamá|papá|madre|padre|hermano|hermana|amigo|amiga|abuela|abuelo)"
    r"(?:,| es)?)" + _TITLE + r" "
)
_OPENING = re.compile(
    r"^(?:¿|¡)?(?:(?:hola|buenas|buenos días|buenas tardes|buenas noches|buen día|sí|si|claro|bueno|pues|eh+|este|ah"
    r"|a ver|okay|ok|por supuesto|por favor|señor|señora|señorita|sr|sra|doctor|doctora|don|doña|es|soy|mire)[,.!]? +)*"
)
_AFTER = re.compile(r"^,? (?:al habla|le habla|habla|al teléfono|para servirle)\b")
_PARTICLE_WORDS = "de del la las los san santa y e da di dos van von mc"
_OTHER_WORDS = """
    a abajo abril acá adiós ahora ahí al algo alguien alguna alguno algún allá allí alta alto antes aquel aquella aquí
    asesor asesora así ayer ayuda bajo bastante bien buena buenas bueno buenos cada calle casa casi celular cerca
    cinco cita claro cliente clínica como con contra correcto correo cosa creo cual cuando cuanto cuatro cuenta cuál
    cuándo cuánto cómo dado dar debe decir deje deletrear deletreo dentista desde después dice diciembre diez dije
    disculpe doctor doctora domingo donde durante día dónde el ella ellas ellos en encargado enero entonces entre
    equivocado era eran es esa escribe ese eso espere esta estaba estar este esto estos estoy está están exacto
    febrero fecha fue fuera gerente gracias grande gusta ha haber habla hablando hablar hace hacer hacia hasta hay
    haya hija hijo hola hombre hora hoy humano igual interesada interesado jueves julio junio le lejos les lista listo
    llamada llamado llamando llamar llamo llegar lo luego lugar lunes mal malo mamá marido martes marzo mayo mañana me
    medio mejor menos mes mi mis misma mismo miércoles mucho mujer muy más mí nada nadie necesita necesito ni ninguna
    ninguno ningún no noche nombre nos nosotros noviembre nuestra nuestro nueva nueve nuevo nunca número o ocho
    octubre operador operadora orden os otra otro paciente papá para parte pasado pedido perdón pero persona poco
    podría por porque posible precio pregunta preguntar primer primera primero problema próxima próximo puede puedo
    pues que queda quería quien quiere quiero quisiera quizá quién qué recepción reclamo repita representante saber se
    sea segundo seguro seis semana septiembre ser servicio será señor señora señorita si siempre siete sin sobre solo
    somos son soy su supervisor sus sábado sé sí sólo tal también tampoco tan tanto tarde te teléfono temprano tener
    tengo tercero ti tiempo tienda tiene toda todavía todo tomar trabajo tratando tres tu turno tú un una unas uno
    unos urgente usted ustedes va vale vamos ver verano verdad vez viernes vivo voy ya yo él último
"""

read_person_names = PersonNameReader(
    NameWords(
        strong_cue=_STRONG,
        weak_cue=_WEAK,
        sure=("soy", "yo soy", "habla", "le habla"),
        opening=_OPENING,
        after=_AFTER,
        particles=frozenset(_PARTICLE_WORDS.split()),
        no_names=frozenset(_OTHER_WORDS.split()),
        closing=frozenset({"por", "favor", "gracias", "señorita", "señor", "señora", "sí", "habla"}),
    )
)
