//! The vocabulary of the shop, with the characters that careless code gets wrong.

pub(super) const FIRST_NAMES: [&str; 32] = [
    "Ada",
    "Zoë",
    "Łukasz",
    "José",
    "Aoife",
    "Søren",
    "Mia",
    "Noah",
    "Ngọc",
    "Priya",
    "Omar",
    "Yūki",
    "浩",
    "Σοφία",
    "Дмитрий",
    "María",
    "Chloé",
    "Björn",
    "Fatima",
    "Kwame",
    "Leïla",
    "Tomáš",
    "Ines",
    "Håkon",
    "Grace",
    "Ayşe",
    "Liam",
    "Renée",
    "Jürgen",
    "Anaïs",
    "Mateo",
    "Siobhán",
];

pub(super) const LAST_NAMES: [&str; 24] = [
    "Lovelace",
    "O'Brien",
    "Müller",
    "Nguyễn",
    "García",
    "Kowalska",
    "Sørensen",
    "田中",
    "Иванов",
    "Smith-Jones",
    "Παπαδοπούλου",
    "Öztürk",
    "Dvořák",
    "Mbeki",
    "Silva",
    "Ångström",
    "D'Angelo",
    "Fischer",
    "Haddad",
    "Kim",
    "Novak",
    "Patel",
    "van der Berg",
    "Ó Súilleabháin",
];

pub(super) const STREETS: [&str; 8] = [
    "Rue de l'Église",
    "Königsallee",
    "High Street",
    "Calle Mayor",
    "Ulica Długa",
    "Via Roma",
    "Strøget",
    "Elm \"Old\" Lane",
];

pub(super) const CITIES: [(&str, &str); 8] = [
    ("Zürich", "CH"),
    ("København", "DK"),
    ("Kraków", "PL"),
    ("Málaga", "ES"),
    ("Dublin", "IE"),
    ("Lyon", "FR"),
    ("Århus", "DK"),
    ("Berlin", "DE"),
];

pub(super) const LOCALES: [&str; 6] = ["en-GB", "de-CH", "pl-PL", "es-ES", "da-DK", "fr-FR"];

pub(super) const BRANDS: [&str; 16] = [
    "Nordlys",
    "Café Noir",
    "Hüttenwerk",
    "O'Malley & Sons",
    "Ørsted",
    "Kumo 雲",
    "Piñata",
    "Tíbia",
    "Acme",
    "Belle Époque",
    "Lagom",
    "Straße 9",
    "Mokka\\Works",
    "Yama",
    "Fjell",
    "Petit <Bateau>",
];

pub(super) const MATERIALS: [&str; 12] = [
    "Walnut", "Brass", "Linen", "Wool", "Ceramic", "Oak", "Steel", "Leather", "Glass", "Bamboo", "Copper", "Felt",
];

pub(super) const STYLES: [&str; 10] = [
    "Classic",
    "Small",
    "Café",
    "Nordic",
    "Folding",
    "Vintage",
    "Déjà Vu",
    "Everyday",
    "Modern",
    "Travel",
];

/// Category id, its path, and the things in it.
pub(super) const CATEGORIES: [(&str, &[&str], &[&str]); 6] = [
    (
        "lighting",
        &["Home", "Lighting"],
        &["Desk Lamp", "Floor Lamp", "Lantern", "Candle Holder"],
    ),
    (
        "kitchen",
        &["Home", "Kitchen"],
        &["Teapot", "Coffee Mill", "Mixing Bowl", "Chopping Board", "Mug"],
    ),
    (
        "furniture",
        &["Home", "Furniture"],
        &["Chair", "Stool", "Bookshelf", "Side Table"],
    ),
    (
        "textiles",
        &["Home", "Textiles"],
        &["Blanket", "Cushion", "Rug", "Curtain"],
    ),
    (
        "bags",
        &["Fashion", "Bags"],
        &["Backpack", "Tote Bag", "Wallet", "Briefcase"],
    ),
    (
        "office",
        &["Work", "Office"],
        &["Notebook", "Pen Tray", "Monitor Stand", "Clock"],
    ),
];

pub(super) const COLOURS: [&str; 10] = [
    "black",
    "white",
    "crème",
    "moss green",
    "navy",
    "terracotta",
    "grey",
    "mustard",
    "rosé",
    "natural",
];

pub(super) const DESCRIPTIONS: [&str; 6] = [
    "Made by hand in a workshop of five people, one at a time.",
    "Looks good in every room.\nCleans with a damp cloth.",
    "\"The last one you will buy\", as one customer put it.",
    "Wipe dry after use; do not put into the dishwasher \u{2014} ever. \u{1f9fa}",
    "A copy of a 1950s design: C:\\Designs\\1954, drawer 7.",
    "Comes flat, goes together without tools in 10\u{202f}minutes.\tNo screws.",
];

pub(super) const TAGS: [&str; 10] = [
    "handmade",
    "gift",
    "new",
    "sale",
    "eco",
    "limited",
    "bestseller",
    "outdoor",
    "vegan",
    "fair-trade",
];

pub(super) const OPINIONS: [&str; 12] = [
    "Exactly as described.",
    "Bought two, gave one away, regretted it 😀",
    "Not what I expected: smaller than in the picture.",
    "Très joli, ma mère l'adore !",
    "Arrived broken, the replacement was there the next day.",
    "My cat approves. 10/10",
    "\"Sturdy\" is the wrong word.\nIt wobbles.",
    "Preis-Leistung: großartig.",
    "少し高いですが、とても良いです。",
    "Fine.",
    "I have used it every day for a year & it still looks new.",
    "Smells of varnish <for a week>, then it is lovely.",
];
