//! Products, as the catalogue shows them.

use std::sync::OnceLock;

use serde::Serialize;

use super::{
    PRODUCTS,
    random::Random,
    time::{DAY, OPENING, Time},
    words::{BRANDS, CATEGORIES, COLOURS, DESCRIPTIONS, MATERIALS, STYLES, TAGS},
};

/// A product with its JSON, which is written at first use.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: u32,
    seed: u64,
    detail: OnceLock<Detail>,
}

#[derive(Debug)]
struct Detail {
    json: String,
    words: String,
}

#[derive(Serialize)]
struct Record<'a> {
    id: u32,
    sku: String,
    title: &'a str,
    brand: Brand,
    category: Category,
    description: &'static str,
    tags: &'a [&'static str],
    attributes: Vec<Attribute>,
    media: Vec<Media>,
    dimensions_mm: Dimensions,
    created_at: Time,
    discontinued: bool,
}

#[derive(Serialize)]
struct Brand {
    id: u32,
    name: &'static str,
}

#[derive(Serialize)]
struct Category {
    id: &'static str,
    path: &'static [&'static str],
}

#[derive(Serialize)]
struct Attribute {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Media {
    Image {
        size: &'static str,
        url: String,
        width: u32,
        height: u32,
    },
    Video {
        url: String,
        poster_url: String,
        duration_s: u32,
    },
}

#[derive(Serialize)]
struct Dimensions {
    width: u32,
    height: u32,
    depth: u32,
}

pub(super) fn make() -> Vec<Product> {
    (1..=PRODUCTS)
        .map(|id| Product {
            id,
            seed: u64::from(id),
            detail: OnceLock::new(),
        })
        .collect()
}

// === impl Product ===

impl Product {
    /// As the catalogue answers it.
    pub(crate) fn json(&self) -> &str {
        &self.detail().json
    }

    /// Title, brand and tags in lower case, which is what a search looks at.
    pub(crate) fn words(&self) -> &str {
        &self.detail().words
    }

    fn detail(&self) -> &Detail {
        self.detail.get_or_init(|| Detail::make(self.id, self.seed))
    }
}

// === impl Detail ===

impl Detail {
    fn make(id: u32, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (category, path, things) = random.pick(&CATEGORIES);
        let brand = random.below(u32::try_from(BRANDS.len()).expect("a short list"));
        let brand = Brand {
            id: brand + 1,
            name: BRANDS[brand as usize],
        };
        let material = random.pick(&MATERIALS);
        let title = format!("{} {material} {}", random.pick(&STYLES), random.pick(things));
        let tags: Vec<_> = TAGS.into_iter().filter(|_| random.chance(0.25)).collect();
        let words = format!("{title} {} {}", brand.name, tags.join(" ")).to_lowercase();
        let record = Record {
            id,
            sku: format!("SW-{id:05}"),
            title: &title,
            brand,
            category: Category { id: category, path },
            description: random.pick(&DESCRIPTIONS),
            tags: &tags,
            attributes: attributes(&mut random, material),
            media: media(&mut random, id),
            dimensions_mm: Dimensions {
                width: random.between(50, 1_200),
                height: random.between(20, 2_000),
                depth: random.between(10, 900),
            },
            created_at: OPENING.after(i64::from(random.below(300)) * DAY),
            discontinued: random.chance(0.03),
        };
        Self {
            json: serde_json::to_string(&record).expect("text keys only"),
            words,
        }
    }
}

fn attributes(random: &mut Random, material: &str) -> Vec<Attribute> {
    let grams = random.between(120, 9_000);
    vec![
        Attribute {
            name: "Material",
            value: material.to_owned(),
        },
        Attribute {
            name: "Colour",
            value: (random.pick(&COLOURS)).to_owned(),
        },
        Attribute {
            name: "Weight",
            value: format!("{}.{:03} kg", grams / 1_000, grams % 1_000),
        },
    ]
}

/// A small picture, a large one, and for every fifth product a film.
fn media(random: &mut Random, id: u32) -> Vec<Media> {
    let address = |file: &str| format!("https://img.shop.example/p/{id}/{file}");
    let mut media = vec![
        Media::Image {
            size: "small",
            url: address("small.webp?v=1&q=60"),
            width: 160,
            height: 160,
        },
        Media::Image {
            size: "large",
            url: address("large.webp?v=1&q=90"),
            width: 1_600,
            height: 1_600,
        },
    ];
    if id.is_multiple_of(5) {
        let duration_s = random.between(8, 90);
        media.push(Media::Video {
            url: address("film.mp4"),
            poster_url: address("film.webp"),
            duration_s,
        });
    }
    media
}
