//! Who asks: people who differ in one thing or in many, chosen from few values so that they often share the rest.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::site::API_KEYS;
use crate::support::guarded::{Signer, claims, now};

/// Somebody with a browser, an app or a program, and all that it sends with each request.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) headers: Vec<(&'static str, String)>,
    /// Whose private answers may be shown to them; `None`: nobody's, not even an earlier request's of their own.
    pub(super) identity: Option<String>,
    /// Whether what they send to prove who they are does not hold.
    pub(super) is_impostor: bool,
}

/// How a token travels, and whether it holds.
#[derive(Debug, Clone, Copy)]
enum Token {
    None,
    Bearer,
    Cookie,
    Expired,
    Forged,
}

/// Claims beside those that every token has.
fn said() -> impl Strategy<Value = Map<String, Value>> {
    let claim = |name: &'static str, values: Vec<Value>| {
        prop::option::weighted(0.8, prop::sample::select(values)).prop_map(move |value| (name, value))
    };
    (
        claim("sub", vec![json!("ann"), json!("bob"), json!("a"), json!("nn")]),
        claim(
            "tenant",
            vec![
                json!("t1"),
                json!("t"),
                json!(1),
                json!("1"),
                json!(["t1"]),
                json!({ "t": 1 }),
                Value::Null,
            ],
        ),
        claim("role", vec![json!("staff"), json!("user"), json!(true)]),
        claim("tier", vec![json!("pro"), json!("free"), json!(2)]),
        claim(
            "scope",
            vec![
                json!("read"),
                json!("read write"),
                json!("write read"),
                json!(["admin"]),
                json!(""),
            ],
        ),
    )
        .prop_map(|(sub, tenant, role, tier, scope)| {
            let all = [sub, tenant, role, tier, scope].into_iter();
            all.filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect()
        })
}

pub(super) fn person() -> impl Strategy<Value = Person> {
    let token = prop_oneof![
        3 => Just(Token::None),
        8 => Just(Token::Bearer),
        4 => Just(Token::Cookie),
        1 => Just(Token::Expired),
        1 => Just(Token::Forged),
    ];
    let maybe =
        |values: &'static [&'static str], weight: f64| prop::option::weighted(weight, prop::sample::select(values));
    (
        (token, said()),
        maybe(&API_KEYS, 0.2),
        maybe(&["de", "fr", "de, fr"], 0.6),
        // Two lines, and one that looks like two.
        prop::sample::select(vec![
            vec![],
            vec!["t1"],
            vec!["t2"],
            vec!["t1", "t2"],
            vec!["t1, t2"],
            vec!["t1,t2"],
        ]),
        maybe(&["theme=dark", "theme=light"], 0.4),
        // What only the server may say.
        maybe(&["ann", "bob"], 0.3),
        maybe(&["ios", "web"], 0.5),
    )
        .prop_map(|((token, said), key, language, tenants, cookie, pretends, client)| {
            let mut headers = vec![("apollo-require-preflight", "yes".to_owned())];
            let mut add = |name, value: Option<&str>| headers.extend(value.map(|value| (name, value.to_owned())));
            add("x-api-key", key);
            add("accept-language", language);
            tenants.iter().for_each(|tenant| add("x-tenant", Some(tenant)));
            add("x-user", pretends);
            add("x-tier", pretends);
            add("x-internal-token", pretends);
            add("apollographql-client-name", client);
            let person = Person {
                headers,
                identity: None,
                is_impostor: false,
            };
            person.proving(token, said, key, cookie)
        })
}

// === impl Person ===

impl Person {
    fn proving(mut self, token: Token, said: Map<String, Value>, key: Option<&str>, cookie: Option<&str>) -> Self {
        let mut all = claims("");
        let claimed = all.as_object_mut().unwrap();
        claimed.remove("sub");
        claimed.extend(said);
        if matches!(token, Token::Expired) {
            all["exp"] = json!(now() - 100);
        }
        let signer = match token {
            Token::Forged => Signer {
                id: Some("a".to_owned()),
                ..Signer::ec("es256-b.pem", "b")
            },
            _ => Signer::good(),
        };
        let signed = signer.sign(&all);
        let mut cookies: Vec<String> = cookie.map(str::to_owned).into_iter().collect();
        match token {
            Token::None => {}
            Token::Cookie => cookies.push(format!("session={signed}")),
            Token::Bearer | Token::Expired | Token::Forged => {
                self.headers.push(("authorization", format!("Bearer {signed}")));
            }
        }
        self.is_impostor = matches!(token, Token::Expired | Token::Forged);
        self.identity = match (token, key) {
            (Token::None, Some(key)) => Some(format!("key {key}")),
            // A browser that is known by its cookies only.
            (Token::None, None) => cookie.map(|cookie| format!("cookie {cookie}")),
            _ => {
                let user = all.get("sub").unwrap_or(&all);
                Some(format!("token {user} {key:?}"))
            }
        };
        if !cookies.is_empty() {
            self.headers.push(("cookie", cookies.join("; ")));
        }
        self
    }
}
