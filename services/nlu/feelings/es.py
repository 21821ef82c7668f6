"""What Spanish words feel like. The values are the project's own, set by what callers say of visits and orders."""

from services.nlu.feelings.lexicon import Lexicon

_ADJECTIVES = {
    3.1: "maravillos fantastic excelent magnific estupend perfect genial espectacular increibl impecabl",
    2.4: "encantador fenomenal content feliz satisfech agradecid encantad alegr precios hermos",
    1.9: "buen amabl atent simpatic eficient profesional lind bonit recomendabl agradabl aliviad puntual",
    1.3: "rapid comod facil util tranquil eficaz segur",
    -1.0: "lent dificil confundid equivocad incomod suci nervios incomplet atrasad complicad",
    -1.6: "molest cansad triste preocupad asustad insatisfech descontent disgustad ansios rot danad defectuos"
    " manchad plantad estropead injust absurd ridicul antipatic confus desagradabl grav",
    -2.3: "enojad enfadad frustrad frustrant decepcionad decepcionant irritad ofendid grosero groser maleducad"
    " incompetent desesperant insoportabl sinverguenz inservibl hart"
    " desesperad enganad lamentabl mal abusiv irresponsabl descuidad",
    -3.1: "horribl terribl pesim fatal espantos asqueros desastros vergonzos inaceptabl inadmisibl intolerabl"
    " indignad indignant furios estafad maldit",
}
_WORDS = {
    2.9: "encanta encantan encanto encantaron adoro amo",
    2.2: "alegro alegra felicito felicidades felicitaciones super chevere padrisimo barbaro guay fenomeno exito",
    1.8: "gracias agradezco agradecemos gusta gustan gusto gustaron recomiendo mejor mejoro amor bravo gustado",
    1.4: "bien ayudaron ayudo solucionaron soluciono resolvieron resolvio solucionado resuelto alivio confianza ilusion"
    " suerte sonrisa amablemente cumplen cumplieron",
    -0.7: "urgente urgencia queja quejas reclamo reclamacion caro caros lio",
    -1.2: "problema problemas error errores fallo falla fallas retraso retrasos demora demoras perdido perdida"
    " carisimo carisima imposible confusion sangra sangrando incorrecto mojado mojada rompieron",
    -1.7: "dolor duele duelen dolia dolores lastima miedo rompio rompe ignoran ignoraron descuido disgusto llorar"
    " mentira mentiras mentiroso mentirosos cancelaron quejarme quejar"
    " perdio perdieron",
    -2.3: "peor desastre verguenza decepcion desgracia rabia ira basura porqueria engano robo ladrones"
    " abuso maltrato grito gritaron gritos mintieron mintio",
    -3.0: "odio odie detesto asco horror estafa mierda carajo pesadilla robaron estafaron",
}
_PHRASES = {
    1.4: "menos mal | sin problema | sin problemas | ningun problema | no hay problema | no es problema | no pasa nada"
    " | no esta mal | nada mal | de maravilla | con mucho gusto | por fin | todo bien | todo en orden",
    3.0: "a las mil maravillas | diez puntos",
    0.0: "no gracias | buenos dias | buenas tardes | buenas noches | buen dia | mas tarde | esta tarde | por la tarde"
    " | en la tarde | de la tarde | a mas tardar | mucho gusto | a lo mejor | mejor dicho | esta bien | mas bien",
    -0.9: "no llego | no llega | no ha llegado | no me llego | no me ha llegado | no contestan | nadie contesta"
    " | nadie responde | me da igual | ya era hora",
    -1.6: "no puede ser | no funciona | no funcionan | no funciono | no sirve | no sirven | no sirvio | no vuelvo"
    " | no volvere | nunca mas | nadie me ayuda | nadie me atiende | nadie me ayudo | deja mucho que desear"
    " | otra vez lo mismo | no me parece | cuantas veces | no me escuchan | no es justo | sin respuesta | llegar tarde"
    " | llego tarde | llegaron tarde | no puedo mas | muy tarde | demasiado tarde | perdiendo la paciencia"
    " | ni una disculpa | no me siento bien | no responden | no responde | no me responden | no les importa",
    -2.6: "gracias por nada | hasta la coronilla | hasta las narices | tomadura de pelo | falta de respeto | que asco"
    " | perdida de tiempo | una verguenza | mala educacion | pierdo la paciencia | me tienen harto | me tienen harta"
    " | pasa de la raya | cara de tonto | cara de tonta",
}


def _by_word(lines: dict[float, str]) -> dict[str, float]:
    return {word: value for value, line in lines.items() for word in line.split()}


_ALIKE = {
    2.6: "feliz felices alegre alegres alegria",
    3.1: "genial espectacular",
    2.4: "fenomenal encantador",
    1.6: "buen puntual profesional eficaz util facil",
    -1.0: "dificil",
    -1.6: "feo fea feos feas",
    -2.2: "mal inutil",
    -3.1: "fatal",
}
"""Adjectives that have no ending in some form, or that others begin like."""
_NEGATIONS = "no nunca jamas ni sin tampoco nada nadie ningun ninguna ninguno poco poca"
_INTENSIFIERS = """
    muy mucho mucha muchas muchos muchisimo muchisimas tan tanto tanta super realmente totalmente absolutamente
    completamente demasiado bastante sumamente verdaderamente extremadamente increiblemente que cada
"""
_DAMPENERS = "algo,casi,apenas,medio,relativamente,un poco,un poquito"

SPANISH = Lexicon(
    words=_by_word(_WORDS) | _by_word(_ALIKE),
    stems=_by_word(_ADJECTIVES),
    endings="(?:isim)?(?:os|as|o|a|es|e|s)|mente|amente",
    phrases={tuple(phrase.split()): value for value, line in _PHRASES.items() for phrase in line.split(" | ")},
    negations=frozenset(_NEGATIONS.split()),
    intensifiers=frozenset(_INTENSIFIERS.split()),
    dampeners=frozenset(_DAMPENERS.split(",")),
    contrasts=frozenset({"pero", "aunque", "sino"}),
)
"""The Spanish lexicon."""
