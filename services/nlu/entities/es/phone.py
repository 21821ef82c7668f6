"""How phone numbers are told in Spanish."""

from services.nlu.entities.es.digits import DIGITS
from services.nlu.entities.phone import PhoneReader

read_phones = PhoneReader(
    DIGITS,
    plus="más",
    cue=("teléfono|telefono|celular|móvil|movil|whatsapp|llámeme|llamar al|me llama al|mi número|mi numero|marque"),
)
