//! What mappings read of a request and an answer.

use http::{HeaderName, header};

use super::Needs;
use crate::{
    mapping::{Key, tree},
    schema::model::{Header, HeaderValue, Mapping, Template, TemplatePart},
};

// === impl Needs ===

impl Needs {
    pub(in crate::execute) fn add(&mut self, mapping: &Mapping) {
        for read in tree::reads(&mapping.selection).0 {
            let tree::Origin::Variable(name) = read.origin else {
                continue;
            };
            match &*name {
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
                _ => {}
            }
        }
    }

    /// `$request.headers.NAME`, or more than can be said.
    pub(in crate::execute) fn add_header_read(&mut self, path: &[Key]) {
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

    pub(in crate::execute) fn add_all<'a>(&mut self, mappings: impl IntoIterator<Item = &'a Mapping>) {
        for mapping in mappings {
            self.add(mapping);
        }
    }

    pub(in crate::execute) fn add_template(&mut self, template: &Template) {
        for part in &template.parts {
            if let TemplatePart::Expr(mapping) = part {
                self.add(mapping);
            }
        }
    }

    pub(in crate::execute) fn add_headers(&mut self, headers: &[Header]) {
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
}
