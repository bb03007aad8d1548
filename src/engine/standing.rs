//! What the clients of a surface are held to, by their class, and how one of them stands.

use super::{Engine, Request, Settings};
use crate::{
    execute::Detail,
    operation::{Limits, documents::Asked},
    quota::Ticket,
    response,
};

/// How the client of a request stands, as was found out before the request was read.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The class that it belongs to, counted from one in the order of [`Settings::classes`]; 0: none.
    pub class: usize,
    /// Its buckets, where it has some.
    pub ticket: Option<Ticket>,
}

/// What clients are held to.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Bounds on documents.
    pub limits: Limits,
    /// Bytes of an answer.
    pub response_bytes: usize,
    /// How much errors say.
    pub detail: Detail,
}

/// The terms that there are, and which of them each class has.
#[derive(Debug)]
pub(super) struct TermsByClass {
    pub(super) all: Vec<Terms>,
    of_class: Vec<usize>,
}

// === impl TermsByClass ===

impl TermsByClass {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut all = vec![Terms {
            limits: settings.limits.clone(),
            response_bytes: settings.response_bytes,
            detail: settings.detail,
        }];
        let mut of_class = vec![0];
        for terms in &settings.classes {
            of_class.push(terms.as_ref().map_or(0, |_| all.len()));
            all.extend(terms.clone());
        }
        Self { all, of_class }
    }

    /// Which terms a class has; a class that is not there has everybody's.
    pub(super) fn number(&self, class: usize) -> usize {
        self.of_class.get(class).copied().unwrap_or_default()
    }
}

// === impl Engine ===

impl Engine {
    /// What a request says of its document.
    pub(super) fn asked<'a>(&self, request: &'a Request) -> Asked<'a> {
        Asked {
            text: request.query.as_deref(),
            document_id: request.document_id.as_deref(),
            extensions: request.extensions.as_ref(),
            operation_name: request.operation_name.as_deref(),
            headers: &request.headers,
            peer: request.peer,
            limits: self.terms.number(request.standing.class),
        }
    }

    /// How the answer to a request is to be written.
    pub(super) fn writing(&self, request: &Request) -> response::Settings {
        let terms = &self.terms.all[self.terms.number(request.standing.class)];
        response::Settings {
            on_error: request.on_error,
            bytes_max: terms.response_bytes,
            detail: terms.detail,
            weighs: self.settings.weighs,
        }
    }
}
