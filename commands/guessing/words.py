"""Know the words that columns of delivery tables are called by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = [
    "COURIER",
    "CUSTOMER",
    "STORE",
    "identifier",
    "is_coordinate",
    "is_count_of_rows",
    "is_estimate",
    "is_id",
    "is_of_courier",
    "is_outcome",
    "is_record_keeping",
    "known_name",
    "spelled",
    "unaccented",
]

STORE = (
    r"(?:store|restaurant|merchant|venue|vendor|shop|kitchen|outlet|branch|hub|depot|warehouse"
    r"|supplier|seller|bakery|pharmacy|grocer|restaurante|tienda|loja|laden|filiale|magasin)"
)
PICKUP = r"(?:pickup|pu|origin|orig|collection|start|from|source|src|sender|begin)"
CUSTOMER = r"(?:customer|client|consumer|user|eater|guest|recipient|receiver|buyer)"
DROPOFF = r"(?:dropoff|do|drop|destination|dest|delivery|deliver|end|to|door|home|arrival)"
COURIER = (
    r"(?:courier|driver|rider|dasher|jumpman|biker|runner|deliverer|captain"
    r"|delivery_(?:person|man|boy|guy|worker|partner|agent)|repartidor|entregador|kurier|fahrer"
    r"|livreur)"
)
ENDING = r"(?:_(?:id|ids|no|nr|num|number|code|key|name|uuid|guid|hash|ref|slug|label))?"
_PLACE = r"(?:place|location|loc|point|site|station|stop|address|spot)"
_ZONE = (
    r"(?:zone|area|district|neighbou?rhood|hex|h3|cell|region|suburb|borough|quarter|grid|polygon"
    r"|zona|barrio|bairro|viertel|quartier|geohash|post_?code|postal_code|zip|zip_?code|submarket|territory)"
)

_NAMES: dict[str, Sequence[tuple[str, str]]] = {
    "dimensions": (
        (
            "store_category",
            rf"(?:(?:{STORE}|place|primary|food|business)_)*(?:categor(?:y|ies)|cuisine|segment"
            rf"|vertical){ENDING}|(?:{STORE}|food|place)_(?:type|kind)|type_of_food",
        ),
        ("store_zone", rf"(?:{STORE}|pickup|origin)_{_ZONE}{ENDING}"),
        ("courier_id", rf"(?:\w+_)?{COURIER}{ENDING}"),
        ("store_id", rf"{STORE}{ENDING}|(?:{STORE}|{PICKUP})_{_PLACE}{ENDING}"),
        (
            "city",
            rf"(?:\w+_)?(?:city|town|metro|municipality|market|ciudad|cidade|stadt|ville){ENDING}",
        ),
        (
            "zone",
            rf"(?:(?:{CUSTOMER}|{DROPOFF})_)?{_ZONE}{ENDING}"
            rf"|(?:{DROPOFF}|{CUSTOMER})_{_PLACE}{ENDING}",
        ),
    ),
    "attributes": (
        ("distance_to_store_m", rf"\w*dist(?:ance)?_to_(?:{STORE}|pickup)\w*"),
        ("distance_m", r"(?:\w+_)?(?:dist(?:ance|ancia|anz)?|entfernung)(?:_\w+)?"),
        (
            "products",
            r"(?:(?:n|num|number_of|no_of|count_of|total|order|basket|cart)_)*"
            r"(?:items?|products?|quantity|qty|dishes|articles|pieces)(?:_(?:count|qty|total))?",
        ),
        (
            "amount",
            r"(?:(?:order|basket|cart|bill|sub|gross|net|food|total)_?)*"
            r"(?:amount|total|subtotal|value|price|bill|spend|basket|importe|valor|betrag|montant)"
            r"(?:_[a-z]{3})?",
        ),
    ),
}

_ESTIMATE = (
    r"est|estima\w*|expect\w*|promis\w*|predict\w*|forecast\w*|eta|etd|quot(?:e|ed)|sched\w*"
    r"|previst\w*|prometid\w*|voraus\w*|prevu\w*|plan(?:ned)?|due|deadline|sla|target|slot|project(?:ed|ion)|window|guarante\w*"
)
_REAL = r"actual|real|true|error|diff\w*|deviation|minus|vs|delay\w*|overdue|residual|late\w*"
_OUTCOME = (
    r"actual|durat\w*|took|taken|elapsed|delay\w*|lateness|overdue|wait\w*|ratings?|rated|stars"
    r"|reviews?|feedback|tips?|gratuit\w*|refund\w*|compensat\w*|complain\w*|csat|nps|satisf\w*"
    r"|outcome|status|on_?time|late|returned|chargeback|dispute\w*|payout|earnings?|fare|tolls?"
    r"|propina|gorjeta|trinkgeld|pourboire|estado|statut|reembolso\w*|erstattung|remboursement"
    r"|valoracion|avaliacao|bewertung"
    r"|(?:prep\w*|travel|trip|ride|transit|deliver\w*|cook\w*|kitchen|lead|cycle|service)"
    r"_?(?:time|min\w*|sec\w*)"
)
_OF_THE_PAST = r"avg|average|mean|median|hist\w*|past|prev\w*|last|typical|usual|rolling"
_RATED_BEFORE = rf"(?:{STORE}|{COURIER}|item|product)_\w*(?:rating|star|review|score)s?"
_RECORD_KEEPING = r"updated|modified|inserted|ingest\w*|loaded|export\w*|synced|extract\w*|etl|dwh"
_COUNT_OF_ROWS = (
    r"|unnamed(?:_\d+)*|index|level_\d+|index_level_\d+|row|(?:row|record|line)_?"
    r"(?:no|nr|num|number|id|index)|rownum|x_?\d*"
)
_OF_ORDER = (
    r"order|delivery|trip|ride|shipment|parcel|package|task|job|booking|request|sample|ticket"
)
_LATITUDE = re.compile(r"(?:^|_)?(?:lat|latitude)$")
_LONGITUDE = re.compile(r"(?:^|_)?(?:lon|long|lng|longitude)$")


def spelled(column: str) -> str:
    """Return the words of a column's name in lower case, with ``_`` between them.

    Pickup and dropoff are one word each.

    >>> spelled("PULocationID"), spelled("Pick Up Time (min)"), spelled("Drop-off Lat")
    ('pu_location_id', 'pickup_time_min', 'dropoff_lat')
    """
    return re.sub(r"(?<![a-z])(pick|drop)_(up|off)(?![a-z])", r"\1\2", _parted(column))


def identifier(column: str) -> str:
    """Return a column's name with small letters, digits and _ only.

    >>> identifier("Order total (EUR)"), identifier("2nd"), identifier("ElapsedMélange")
    ('order_total_eur', 'column_2nd', 'elapsed_melange')
    """
    name = _parted(column)
    # Alone, `true` is no text in YAML.
    is_name = name and not name[0].isdigit() and name not in ("true", "false", "null")
    return name if is_name else f"column_{name}".rstrip("_")


def unaccented(column: str) -> str:
    """Return a name with plain letters.

    >>> unaccented("Estimación")
    'Estimacion'
    """
    return unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()


def _parted(column: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", unaccented(column))
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def known_name(column: str, part: str) -> str:
    """Return the project's name for a column, empty where none fits.

    Args:
        column: its name.
        part: "dimensions" or "attributes".

    >>> known_name("MerchantName", "dimensions"), known_name("store_and_fwd", "dimensions")
    ('store_id', '')
    >>> known_name("subtotal", "attributes"), known_name("min_item_price", "attributes")
    ('amount', '')
    """
    names = _NAMES[part]
    if column in dict(names):
        return column
    words = spelled(column)
    return next((name for name, pattern in names if re.fullmatch(pattern, words)), "")


def is_coordinate(column: str) -> tuple[str, str] | None:
    """Return whose coordinate a column is by its name, and which; None: it is none.

    The whose is "store", "customer" or "" where the name does not say it.

    >>> is_coordinate("pickup_latitude"), is_coordinate("dropoffLng"), is_coordinate("flat_fee")
    (('store', 'lat'), ('customer', 'lon'), None)
    """
    words = spelled(column)
    which = "lat" if _LATITUDE.search(words) else "lon" if _LONGITUDE.search(words) else ""
    if not which:
        return None
    rest = re.sub(r"_?(?:lat|latitude|lon|long|lng|longitude)$", "", words)
    if re.search(rf"(?:^|_){COURIER}(?:_|$)", rest):
        return "courier", which
    parts = [("store", rf"{STORE}|{PICKUP}"), ("customer", rf"{CUSTOMER}|{DROPOFF}")]
    for whose, pattern in parts:
        if re.search(rf"(?:^|_)(?:{pattern})(?:_|$)|^(?:{pattern})$", rest):
            return whose, which
    return "", which


def is_estimate(column: str) -> bool:
    """Return whether a name says that a number was estimated or promised beforehand.

    >>> is_estimate("estimated_delivery_min"), is_estimate("actual_minus_estimated")
    (True, False)
    """
    return _has(_ESTIMATE, column) and not _has(_REAL, column)


def is_outcome(column: str) -> bool:
    """Return whether a name says that a value is known only when all is over.

    >>> is_outcome("tip_amount"), is_outcome("avg_prep_time"), is_outcome("store_rating")
    (True, False, False)
    """
    if is_estimate(column) or _has(_OF_THE_PAST, column) or _has(_RATED_BEFORE, column):
        return False
    return _has(_OUTCOME, column) or (_has(_ESTIMATE, column) and _has(_REAL, column))


def is_record_keeping(column: str) -> bool:
    """Return whether a time says when a row was written, and nothing of the order."""
    return _has(_RECORD_KEEPING, column)


def is_of_courier(column: str) -> bool:
    """Return whether a name is about the courier, who is known from the assignment on."""
    return _has(rf"{COURIER}|vehicle", column)


def is_count_of_rows(column: str) -> bool:
    """Return whether a name is one that programs give to a row's number.

    >>> is_count_of_rows("Unnamed: 0"), is_count_of_rows(""), is_count_of_rows("order_no")
    (True, True, False)
    """
    return re.fullmatch(_COUNT_OF_ROWS, spelled(column)) is not None


def is_id(column: str) -> tuple[bool, bool]:
    """Return whether a name is that of an id, and whether it is one of orders."""
    words = spelled(column)
    named = re.search(r"(?:id|uuid|guid|key|number|no|nr|code|ref|hash)$", words) is not None
    ordered = re.search(rf"(?:^|_)(?:{_OF_ORDER})s?(?:_|id$|no$|$)", words) is not None
    return named or words in _OF_ORDER.split("|"), ordered or words in ("id", "_id", "uuid")


def _has(words: str, column: str) -> bool:
    return re.search(rf"(?:^|_)(?:{words})(?:_|$)", spelled(column)) is not None
