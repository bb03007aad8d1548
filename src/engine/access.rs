//! Operations that ask for what their callers may not have.

use super::{Engine, Request};
use crate::{
    operation::{RequestError, RequestErrorKind},
    plan::Plan,
    telemetry::{SecurityEvent, Suspect, security},
};

// === impl Engine ===

impl Engine {
    /// Tells the log what a caller asked for in vain, and refuses the operation where that is wanted.
    pub(super) fn refused(&self, plan: &Plan, request: &Request) -> Result<(), RequestError> {
        let id = request.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let suspect = Suspect {
            request_id: id.unwrap_or_default(),
            surface: &self.surface.name,
            peer: request.peer,
        };
        let told: Vec<&str> = plan.refused.iter().take(10).map(|name| &**name).collect();
        security(SecurityEvent::FieldsRefused, &told.join(", "), suspect);
        if self.settings.refuses_operations {
            let message = "The operation asks for what you may not have.";
            return Err(RequestError::new(RequestErrorKind::Unauthorized, message));
        }
        Ok(())
    }
}
