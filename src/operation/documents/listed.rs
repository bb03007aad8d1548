//! The documents that a surface's operator has listed: by id, by text and by normal form.

use std::{collections::HashMap, sync::Arc};

use super::id::{self, Hash};
use crate::identity::ClientName;

/// A document of a list, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDocument {
    /// What it is called; the hash of its text is an id of every document.
    pub ids: Vec<String>,
    /// Its text.
    pub text: String,
    /// The only client that it is for.
    pub client: Option<String>,
    /// The only version of that client that it is for.
    pub version: Option<String>,
    /// Where it was read, for messages.
    pub origin: String,
}

/// Whom a document is for: any client where it names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scope {
    client: Option<Arc<str>>,
    version: Option<Arc<str>>,
}

/// A text that was looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) text: &'a Arc<str>,
    /// Whether it depends on the client.
    pub(super) by_client: bool,
}

/// Texts of one id, text or form, by whom they are for.
type Scoped = Vec<(Scope, Arc<str>)>;

/// A list. Made as a whole and replaced as a whole.
#[derive(Debug, Default)]
pub(super) struct Listed {
    by_id: HashMap<Box<str>, Scoped>,
    by_text: HashMap<Arc<str>, Scoped>,
    by_form: HashMap<Hash, Scoped>,
}

// === impl Listed ===

impl Listed {
    /// Adds a document; the ids that stand for another text already.
    pub(super) fn add(&mut self, document: &ListedDocument, form: Option<Hash>) -> Vec<String> {
        let text = match self.by_text.get_key_value(document.text.as_str()) {
            Some((text, _)) => Arc::clone(text),
            None => Arc::from(document.text.as_str()),
        };
        let scope = Scope {
            client: document.client.as_deref().map(Arc::from),
            version: document.version.as_deref().map(Arc::from),
        };
        insert(self.by_text.entry(Arc::clone(&text)).or_default(), &scope, &text);
        if let Some(form) = form {
            insert(self.by_form.entry(form).or_default(), &scope, &text);
        }
        // A file ends in a line feed that the document in the app may not have.
        let hashes = [id::hex(&id::hash(&text)), id::hex(&id::hash(text.trim()))];
        let mut taken = Vec::new();
        for id in hashes.iter().chain(&document.ids) {
            let id = id.strip_prefix("sha256:").unwrap_or(id);
            if !insert(self.by_id.entry(Box::from(id)).or_default(), &scope, &text) {
                taken.push(id.to_owned());
            }
        }
        taken
    }

    /// The text that an id stands for.
    pub(super) fn by_id(&self, id: &str, client: ClientName<'_>) -> Option<Found<'_>> {
        nearest(self.by_id.get(id)?, client)
    }

    /// The text itself, if it is listed as it is.
    pub(super) fn by_text(&self, text: &str, client: ClientName<'_>) -> Option<Found<'_>> {
        nearest(self.by_text.get(text)?, client)
    }

    /// The listed text of this form.
    pub(super) fn by_form(&self, form: &Hash, client: ClientName<'_>) -> Option<Found<'_>> {
        nearest(self.by_form.get(form)?, client)
    }

    /// How many documents there are.
    pub(super) fn len(&self) -> usize {
        self.by_text.len()
    }
}

/// Whether the text could be added: one whom it is for cannot have two.
fn insert(scoped: &mut Scoped, scope: &Scope, text: &Arc<str>) -> bool {
    match scoped.iter().find(|(known, _)| known == scope) {
        // Either of two that differ in the line feed at their end does.
        Some((_, known)) => known.trim() == text.trim(),
        None => {
            scoped.push((scope.clone(), Arc::clone(text)));
            true
        }
    }
}

/// What is for this version of this client before what is for the client, and that before what is for all.
fn nearest<'a>(scoped: &'a Scoped, client: ClientName<'_>) -> Option<Found<'a>> {
    let matching = scoped.iter().filter(|(scope, _)| scope.admits(client));
    matching
        .max_by_key(|(scope, _)| (scope.client.is_some(), scope.version.is_some()))
        .map(|(_, text)| Found {
            text,
            by_client: scoped.iter().any(|(scope, _)| scope.client.is_some()),
        })
}

// === impl Scope ===

impl Scope {
    fn admits(&self, client: ClientName<'_>) -> bool {
        let fits = |wanted: &Option<Arc<str>>, said: Option<&str>| wanted.is_none() || wanted.as_deref() == said;
        fits(&self.client, client.name) && fits(&self.version, client.version)
    }
}
