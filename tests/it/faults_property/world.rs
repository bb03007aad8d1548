//! A random schema, and what its sources know: what is true of an object follows from its type and id alone.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// The object that fallbacks stand in with. No source leads to it.
pub(super) const STAND_IN: u64 = 9_999;

/// Numbers that look random and follow from a seed (`splitmix64`).
pub(super) struct Random(pub(super) u64);

/// A schema.
#[derive(Debug)]
pub(super) struct World {
    pub(super) types: Vec<Type>,
    pub(super) roots: Vec<Field>,
}

/// A type with `id`, `name`, `size`, and fields that lead to other objects.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) number: usize,
    /// Whether all but its id is fetched by a connector of its own, many objects at once.
    pub(super) batched: bool,
    name_required: bool,
    size_required: bool,
    pub(super) fields: Vec<Field>,
}

/// A field that leads to other objects.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Number of the type.
    pub(super) of: usize,
    pub(super) is_list: bool,
    required: bool,
    item_required: bool,
    /// Whether it has a call of its own, and does not come with its object.
    pub(super) has_call: bool,
    source: u64,
    pub(super) fallback: Option<Fallback>,
    pub(super) critical: bool,
    /// Whether older answers may stand in.
    pub(super) stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    Null,
    Empty,
    StandIn,
}

/// Where a field leads from an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leads {
    One(Option<u64>),
    Many(Vec<Option<u64>>),
}

// === impl Random ===

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

// === impl World ===

impl World {
    pub(super) fn random(random: &mut Random) -> Self {
        let count = 2 + random.below(3) as usize;
        let types = (0..count).map(|number| Type {
            number,
            batched: random.one_in(3),
            name_required: random.one_in(4),
            size_required: random.one_in(3),
            fields: (0..1 + random.below(3))
                .map(|at| Field::random(random, at, number, count))
                .collect(),
        });
        let types = types.collect();
        let roots = (0..2 + random.below(3)).map(|at| {
            let field = Field::random(random, at, usize::MAX, count);
            Field {
                name: format!("r{at}"),
                ..field
            }
        });
        let roots = roots.collect();
        Self { types, roots }
    }

    pub(super) fn sdl(&self) -> String {
        let mut sdl = String::new();
        for source in ["s0", "s1", "s2"] {
            let _ = writeln!(
                sdl,
                "extend schema @source(name: \"{source}\", http: {{ baseURL: \"http://{source}\" }})"
            );
        }
        let _ = writeln!(sdl, "type Query {{");
        self.roots
            .iter()
            .for_each(|field| self.write_field(&mut sdl, field, "Query", ""));
        let _ = writeln!(sdl, "}}");
        for of in &self.types {
            let name = format!("T{}", of.number);
            let _ = write!(sdl, "type {name} ");
            if of.batched {
                let (source, whole) = (of.number % 3, self.whole(of));
                let _ = write!(
                    sdl,
                    "@connect(source: \"s{source}\", http: {{ GET: \"/{name}\", queryParams: \"id: $batch.id\" }}, batch: {{ maxSize: 3 }}, selection: \"{whole}\") "
                );
            }
            let required = |yes| if yes { "!" } else { "" };
            let (of_name, of_size) = (required(of.name_required), required(of.size_required));
            let _ = writeln!(sdl, "{{ id: ID! name: String{of_name} size: Int{of_size}");
            of.fields
                .iter()
                .for_each(|field| self.write_field(&mut sdl, field, &name, "/{$this.id}"));
            let _ = writeln!(sdl, "}}");
        }
        sdl
    }

    fn write_field(&self, sdl: &mut String, field: &Field, owner: &str, rest: &str) {
        let Field { name, of, source, .. } = field;
        let _ = write!(sdl, "  {name}: {}", field.type_text());
        if field.has_call {
            let selection = self.selection(*of);
            let _ = write!(
                sdl,
                " @connect(source: \"s{source}\", http: {{ GET: \"/{owner}.{name}{rest}\" }}, selection: \"{selection}\")"
            );
        }
        if let Some(fallback) = field.fallback {
            let value = match fallback {
                Fallback::Null => Value::Null,
                Fallback::Empty => json!([]),
                Fallback::StandIn if field.is_list => json!([self.payload(*of, STAND_IN, false)]),
                Fallback::StandIn => self.payload(*of, STAND_IN, false),
            };
            let value = value.to_string().replace('"', "'");
            let _ = write!(sdl, " @fallback(selection: \"$({value})\")");
        }
        if field.critical {
            let _ = write!(sdl, " @critical");
        }
        if field.stale {
            let _ = write!(sdl, " @cacheControl(maxAge: 1, staleIfError: 3600)");
        }
        let _ = writeln!(sdl);
    }

    /// The mapping of what a connector says of an object of a type.
    fn selection(&self, of: usize) -> String {
        match &self.types[of] {
            of if of.batched => "id".to_owned(),
            of => self.whole(of),
        }
    }

    fn whole(&self, of: &Type) -> String {
        let inline = of.fields.iter().filter(|field| !field.has_call);
        let inline = inline.map(|field| format!(" {} {{ {} }}", field.name, self.selection(field.of)));
        format!("id name size{}", inline.collect::<String>())
    }

    /// What a source says of an object. `is_own`: the call is that of its type.
    pub(super) fn payload(&self, of: usize, id: u64, is_own: bool) -> Value {
        let of = &self.types[of];
        let mut payload = Map::from_iter([("id".to_owned(), json!(id))]);
        if !of.batched || is_own {
            payload.insert("name".to_owned(), of.name(id));
            payload.insert("size".to_owned(), of.size(id));
            for field in of.fields.iter().filter(|field| !field.has_call) {
                let of_one = |id: Option<u64>| id.map_or(Value::Null, |id| self.payload(field.of, id, false));
                let value = match field.leads(of.number, id) {
                    Leads::One(id) => of_one(id),
                    Leads::Many(ids) => ids.into_iter().map(of_one).collect(),
                };
                payload.insert(field.name.clone(), value);
            }
        }
        Value::Object(payload)
    }
}

// === impl Type ===

impl Type {
    pub(super) fn name(&self, id: u64) -> Value {
        let is_absent = !self.name_required && mix(id ^ 0xA).is_multiple_of(5);
        if is_absent {
            Value::Null
        } else {
            json!(format!("T{}:{id}", self.number))
        }
    }

    pub(super) fn size(&self, id: u64) -> Value {
        let is_absent = !self.size_required && mix(id ^ 0xB).is_multiple_of(5);
        if is_absent {
            Value::Null
        } else {
            json!(mix(id ^ self.number as u64) % 1_000)
        }
    }
}

// === impl Field ===

impl Field {
    /// A field of type number `owner`, or of the root, which has calls only.
    fn random(random: &mut Random, at: u64, owner: usize, types: usize) -> Self {
        let of = random.below(types as u64) as usize;
        // What comes with its object must end somewhere.
        let has_call = owner == usize::MAX || of <= owner || random.one_in(2);
        let is_list = random.one_in(2);
        let required = random.one_in(4);
        let fallback = match (has_call && random.one_in(3), is_list) {
            (false, _) => None,
            (true, true) if random.one_in(2) => Some(Fallback::Empty),
            (true, _) if !required && random.one_in(3) => Some(Fallback::Null),
            (true, _) => Some(Fallback::StandIn),
        };
        Self {
            name: format!("f{at}"),
            of,
            is_list,
            required,
            item_required: random.one_in(2),
            has_call,
            source: random.below(3),
            fallback,
            critical: random.one_in(12),
            stale: has_call && random.one_in(4),
        }
    }

    fn type_text(&self) -> String {
        let required = |yes| if yes { "!" } else { "" };
        let outer = required(self.required);
        match self.is_list {
            true => format!("[T{}{}]{outer}", self.of, required(self.item_required)),
            false => format!("T{}{outer}", self.of),
        }
    }

    /// Where it leads from object `id` of type number `owner`.
    pub(super) fn leads(&self, owner: usize, id: u64) -> Leads {
        let place = self
            .name
            .bytes()
            .fold(owner as u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let random = mix(place ^ mix(id));
        let id = |at: u64| 1 + mix(random ^ at) % 40;
        if !self.is_list {
            let is_absent = !self.required && random.is_multiple_of(7);
            return Leads::One((!is_absent).then(|| id(0)));
        }
        let item = |at| (self.item_required || !mix(random ^ at ^ 0xC).is_multiple_of(6)).then(|| id(at));
        Leads::Many((0..random % 4).map(item).collect())
    }

    /// The route of its calls.
    pub(super) fn route(&self, owner: &str) -> String {
        format!("{owner}.{}", self.name)
    }
}
