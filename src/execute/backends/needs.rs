//! Which variables the mappings of a connector read, so that no others are made for its calls.

use http::{HeaderName, header};

use crate::{
    mapping::{Key, tree},
    plan::{ClientHeaders, ContextReads},
    schema::model::{ErrorMapping, Header, HeaderValue, Mapping, Template, TemplatePart},
};

/// Which variables some mappings read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::execute) struct Needs {
    pub(in crate::execute) args: bool,
    pub(in crate::execute) this: bool,
    pub(in crate::execute) batch: bool,
    pub(in crate::execute) config: bool,
    pub(in crate::execute) env: bool,
    pub(in crate::execute) request: bool,
    pub(in crate::execute) status: bool,
    pub(in crate::execute) response: bool,
    /// `$context`.
    pub(in crate::execute) caller: bool,
    /// Headers of the client that are read or passed on.
    pub(in crate::execute) headers: ClientHeaders,
    /// What of the caller is read or passed on.
    pub(in crate::execute) context: ContextReads,
}

// === impl Needs ===

impl Needs {
    /// A field of a schema in this process: its arguments, and all headers and claims, which its resolvers may look at.
    pub(super) fn add_resolver(&mut self, args: Option<&Mapping>) {
        self.add_all(args);
        self.headers.resolvers = true;
        self.context.all = true;
    }

    pub(in crate::execute) fn add(&mut self, mapping: &Mapping) {
        let reads = tree::reads(&mapping.selection);
        self.context.add_reads(&reads);
        for read in &reads.0 {
            let tree::Origin::Variable(name) = &read.origin else {
                continue;
            };
            match &**name {
                "args" => self.args = true,
                "this" => self.this = true,
                "batch" => self.batch = true,
                "config" => self.config = true,
                "env" => self.env = true,
                "request" => {
                    self.request = true;
                    self.add_header_read(&read.path);
                }
                "status" => self.status = true,
                "response" => self.response = true,
                "context" => self.caller = true,
                _ => {}
            }
        }
    }

    /// `$request.headers.NAME`, or more than can be said.
    pub(super) fn add_header_read(&mut self, path: &[Key]) {
        match path {
            [headers, name, ..] if headers.text == "headers" => {
                // No header has a name that is none.
                if let Ok(name) = HeaderName::try_from(&*name.text) {
                    self.headers.add(&name);
                }
            }
            _ => self.headers.all = true,
        }
    }

    pub(super) fn add_all<'a>(&mut self, mappings: impl IntoIterator<Item = &'a Mapping>) {
        for mapping in mappings {
            self.add(mapping);
        }
    }

    pub(super) fn add_template(&mut self, template: &Template) {
        for part in &template.parts {
            if let TemplatePart::Expr(mapping) = part {
                self.add(mapping);
            }
        }
    }

    pub(super) fn add_headers(&mut self, headers: &[Header]) {
        for header in headers {
            match &header.value {
                HeaderValue::Value(template) => self.add_template(template),
                HeaderValue::From(name) => {
                    self.headers.add(name);
                    // It may say that the header is not to be passed on.
                    self.headers.add(&header::CONNECTION);
                }
            }
        }
    }

    pub(super) fn add_error_mapping(&mut self, errors: &ErrorMapping) {
        self.add_all(errors.message.iter().chain(&errors.extensions));
    }
}
