//! The documents: those of the table of threats, and generated ones.

/// What they are asked of.
pub(crate) const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "api", http: { baseURL: "http://api.example" })
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.id")
  me: User @connect(source: "api", http: { GET: "/me" }, selection: "id name")
  user(id: ID!): User @connect(source: "api", http: { GET: "/users/{$args.id}" }, selection: "id name")
  users(first: Int): [User!] @connect(source: "api", http: { GET: "/users" }, selection: "id name")
  node: Node @connect(source: "api", http: { GET: "/me" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
  echo(text: String, number: Int, any: JSON): JSON
    @connect(source: "api", http: { POST: "/echo", body: "text: $args.text" }, selection: "$")
}
interface Node { id: ID node: Node }
type User implements Node {
  id: ID
  name: String
  node: Node @connect(source: "api", http: { GET: "/nodes/{$this.id}" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
  friends(first: Int): [User!] @connect(source: "api", http: { GET: "/users/{$this.id}/friends" }, selection: "id name")
}
type Robot implements Node {
  id: ID
  name: String
  node: Node @connect(source: "api", http: { GET: "/nodes/{$this.id}" }, selection: "...kind->match(['r', { __typename: 'Robot' id name }], [@, { __typename: 'User' id name }])")
}
scalar JSON
"#;

/// Bytes of the largest generated documents.
const BYTES: usize = 256 * 1024;

fn repeat(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect::<Vec<_>>().join(" ")
}

/// As many of a text as fill a document of so many bytes.
fn filled_to(bytes: usize, before: &str, text: &str, after: &str) -> String {
    let count = (bytes - before.len() - after.len()) / text.len();
    format!("{before}{}{after}", text.repeat(count))
}

/// Fragments each of which spreads the next one several times.
fn doubling(levels: usize, width: usize) -> String {
    let fragments = repeat(levels, |level| {
        let spreads = format!("...D{} ", level + 1).repeat(width);
        format!("fragment D{level} on User {{ {spreads} }}")
    });
    format!("{{ me {{ ...D0 }} }} {fragments} fragment D{levels} on User {{ id }}")
}

/// Fields of an interface beside those of its types: what must be compared doubles with each level.
fn overlap(levels: usize) -> String {
    let chain = |levels: usize| (0..levels).fold("a: id".to_owned(), |below, _| format!("node {{ {below} }}"));
    let inner = (0..levels).fold("id".to_owned(), |below, level| {
        let leaf = chain(level);
        format!("node {{ {below} }} ... on User {{ node {{ {leaf} }} }} ... on Robot {{ node {{ {leaf} }} }}")
    });
    format!("{{ node {{ {inner} }} }}")
}

/// One document: its name in the table, and its text.
type Named = (&'static str, String);

/// The rows of the table of threats that are documents; those without an end have so many bytes.
pub(crate) fn table(bytes: usize) -> Vec<Named> {
    [
        aliases_and_fragments(bytes),
        repetition(bytes),
        nesting_and_size(bytes),
        values(bytes),
    ]
    .concat()
}

fn aliases_and_fragments(bytes: usize) -> Vec<Named> {
    let filled = |before: &str, text: &str, after: &str| filled_to(bytes, before, text, after);
    let ring = |count: usize| {
        repeat(count, |n| {
            format!("fragment F{n} on User {{ ...F{} }}", (n + 1) % count)
        })
    };
    vec![
        (
            "50 aliases",
            format!("{{ me {{ {} }} }}", repeat(50, |n| format!("a{n}:id"))),
        ),
        (
            "1,000 aliases",
            format!("{{ {} }}", repeat(1_000, |n| format!("a{n}:x"))),
        ),
        (
            "1,600 aliases in a fragment spread 40 times",
            format!(
                "{{ me {{ {} }} }} fragment F on User {{ {} }}",
                "...F ".repeat(40),
                repeat(1_600, |n| format!("a{n}:id"))
            ),
        ),
        ("aliases without end", filled("{ ", "a:x ", "}")),
        ("ring of 300 fragments", format!("{{ me {{ ...F0 }} }} {}", ring(300))),
        (
            "ring of 400 fragments, unused",
            format!("{{ me {{ id }} }} {}", ring(400)),
        ),
        ("fragments doubled 16 times", doubling(16, 2)),
        ("fragments doubled 29 times", doubling(29, 2)),
        ("fragments of width 8, 6 deep", doubling(6, 8)),
        ("fragments of width 40, 100 deep", doubling(100, 40)),
        ("chain of 90 fragments", doubling(90, 1)),
        ("chain of 300 fragments", doubling(300, 1)),
        ("1,500 unknown directives", format!("{{ x {} }}", "@aa ".repeat(1_500))),
    ]
}

fn repetition(bytes: usize) -> Vec<Named> {
    let filled = |before: &str, text: &str, after: &str| filled_to(bytes, before, text, after);
    let nested = format!(
        "{{ me {{ {} }} }}",
        format!("{}id{} ", "...on User{".repeat(60), "}".repeat(60)).repeat(38)
    );
    vec![
        ("directives without end", filled("{ x ", "@a ", "}")),
        ("450 times @skip", format!("{{ x {} }}", "@skip(if:false) ".repeat(450))),
        ("a field 2,400 times", format!("{{ {} }}", "x ".repeat(2_400))),
        (
            "a field 1,600 times, commas and no end",
            format!("{{ {}", "x, ".repeat(1_600)),
        ),
        ("an object 1,200 times", format!("{{ {} }}", "me{id}".repeat(1_200))),
        ("a field without end", filled("{ ", "x ", "}")),
        ("inline fragments 60 deep, 38 times", nested),
        (
            "600 inline fragments",
            format!("{{ me {{ {} }} }}", "...on User{id}".repeat(600)),
        ),
        (
            "400 fields of one name with other arguments",
            format!("{{ {} }}", repeat(400, |n| format!("user(id:{n}){{id}}"))),
        ),
        ("overlap doubling 13 times", overlap(13)),
        ("overlap doubling 20 times", overlap(20)),
        (
            "fields 60 deep",
            format!("{{ users {{ {}id{} }} }}", "friends{".repeat(58), "}".repeat(58)),
        ),
        ("brackets without end", filled("", "{a", "")),
        ("lists without end", filled("{ me(a: ", "[", "")),
    ]
}

fn nesting_and_size(bytes: usize) -> Vec<Named> {
    let filled = |before: &str, text: &str, after: &str| filled_to(bytes, before, text, after);
    vec![
        ("objects without end", filled("{ me(a: ", "{a:", "")),
        ("types without end", filled("query($v: ", "[", "")),
        ("parentheses without end", filled("{ me", "(", "")),
        (
            "lists of lists, 100 × 100 × 100",
            "{ users(first:100){friends(first:100){friends(first:100){id}}} }".to_owned(),
        ),
        (
            "sizes beyond 32 bits",
            "{ users(first:65536){friends(first:65536){friends(first:65536){id}}} }".to_owned(),
        ),
        ("blanks", filled("{ x ", " ", "}")),
        ("commas", filled("{ x ", ",", "}")),
        ("comments", filled("{ x ", "#\n", "}")),
        ("a comment", filled("#", "x", "\n{ x }")),
        ("a name", filled("{ ", "x", " }")),
        ("a block string", filled("{ echo(text: \"\"\"", "x\n", "\"\"\") }")),
        ("a string of escapes", filled("{ echo(text: \"", "\\u00e9", "\") }")),
        (
            "a string of 16 KiB",
            format!("{{ echo(text: \"{}\") }}", "x".repeat(16_384)),
        ),
    ]
}

fn values(bytes: usize) -> Vec<Named> {
    let filled = |before: &str, text: &str, after: &str| filled_to(bytes, before, text, after);
    vec![
        (
            "1,600 unknown fields",
            format!("{{ {} }}", repeat(1_600, |n| format!("unknown{n}"))),
        ),
        (
            "400 unknown variables",
            format!("{{ {} }}", repeat(400, |n| format!("a{n}: echo(number: $v{n})"))),
        ),
        (
            "700 unused variables",
            format!("query({}) {{ x }}", repeat(700, |n| format!("$v{n}: Int"))),
        ),
        ("550 operations", repeat(550, |n| format!("query Q{n}{{x}}"))),
        (
            "300 operations that share a fragment",
            format!(
                "{} fragment F on Query {{ {} }}",
                repeat(300, |n| format!("query Q{n}{{...F}}")),
                "x ".repeat(800)
            ),
        ),
        ("a number of 200,000 digits", filled("{ echo(number: ", "9", ") }")),
        (
            "a list of 2,400 numbers",
            format!("{{ echo(any: [{}]) }}", "1 ".repeat(2_400)),
        ),
        ("a list of numbers without end", filled("{ echo(any: [", "1 ", "]) }")),
        (
            "an object of 700 fields",
            format!("{{ echo(any: {{ {} }}) }}", repeat(700, |n| format!("f{n}: 1"))),
        ),
        (
            "700 equal fields of an object",
            format!("{{ echo(any: {{ {} }}) }}", "f: 1 ".repeat(700)),
        ),
        (
            "introspection of types of types",
            format!(
                "{{ __schema {{ types {{ {}name{} }} }} }}",
                "fields{type{".repeat(9),
                "}}".repeat(9)
            ),
        ),
    ]
}

/// Documents that nobody wrote: nested fields, fragments, arguments and noise, mostly close to a limit.
pub(crate) fn generated(count: usize) -> impl Iterator<Item = String> {
    let mut random = Random(0x5EED);
    (0..count).map(move |_| {
        let mut text = String::new();
        let fragments = random.below(40);
        let size = 1 << (8 + random.below(10));
        text.push_str("{ ");
        selections(&mut random, &mut text, "Query", fragments, size, 0);
        text.push('}');
        for number in 0..fragments {
            text.push_str(&format!(" fragment F{number} on User {{ id "));
            selections(&mut random, &mut text, "User", fragments, size / 8, 0);
            text.push('}');
        }
        text.truncate(BYTES);
        text
    })
}

fn selections(random: &mut Random, text: &mut String, ty: &str, fragments: usize, size: usize, depth: usize) {
    let end = text.len() + size;
    while text.len() < end {
        if random.below(6) == 0 {
            text.push_str(&format!("a{}: ", random.below(60)));
        }
        match (random.below(9), ty) {
            (0, _) if depth < 14 => {
                text.push_str(if ty == "Query" {
                    "me { id "
                } else {
                    "friends(first: 2) { id "
                });
                selections(random, text, "User", fragments, size / 2, depth + 1);
                text.push_str("} ");
            }
            (1, "User") if fragments > 0 => text.push_str(&format!("id ...F{} ", random.below(fragments))),
            (2, "User") if depth < 14 => {
                text.push_str("id ... on User { id ");
                selections(random, text, "User", fragments, size / 3, depth + 1);
                text.push_str("} ");
            }
            (3, "Query") => text.push_str(&format!("user(id: {}) {{ id }} ", random.below(1_000))),
            (4, "Query") => text.push_str(&format!("echo(number: {}, any: [1 {{ a: \"b\" }}]) ", random.below(9))),
            (5, _) => text.push_str(if ty == "Query" {
                "x @skip(if: false) "
            } else {
                "id @include(if: true) "
            }),
            (6, _) => text.push_str(&format!("nothing{} ", random.below(9))),
            (_, "Query") => text.push_str("x "),
            _ => text.push_str("name "),
        }
    }
}

/// The same numbers on every run.
struct Random(u64);

// === impl Random ===

impl Random {
    fn below(&mut self, most: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }
}
