//! How urgent an operation is: by its name, else by where its document came from.

use std::collections::HashSet;

use super::Priority;
use crate::operation::documents::Origin;

/// What a surface says of its operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priorities {
    /// Names of listed operations that go before all others. Not those of other documents: anybody can call an operation anything.
    pub critical: HashSet<String>,
    /// Names of operations that are only answered while there is room.
    pub sheddable: HashSet<String>,
    /// Operations of listed documents that are not named above.
    pub listed: Priority,
    /// The same of documents that clients have registered.
    pub registered: Priority,
    /// The same of all other documents.
    pub unlisted: Priority,
    /// What operations that are not named have of the class of their client, in the order of the surface's classes; `None`: nothing, so that it
    /// goes by their document. Empty where no class has any.
    pub classes: Vec<Option<Priority>>,
}

// === impl Priorities ===

impl Priorities {
    /// Whether it makes a difference what a document is called and where it came from.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// What a class has; classes are counted from one.
    #[must_use]
    pub fn of_class(&self, class: usize) -> Option<Priority> {
        *self.classes.get(class.checked_sub(1)?)?
    }

    /// Whether some of what comes may be critical.
    #[must_use]
    pub fn has_critical(&self) -> bool {
        !self.critical.is_empty() || self.classes.contains(&Some(Priority::Critical))
    }

    /// The priority of an operation that a client of a class sends.
    #[must_use]
    pub fn of(&self, name: Option<&str>, origin: Origin, class: usize) -> Priority {
        if origin == Origin::Listed && name.is_some_and(|name| self.critical.contains(name)) {
            return Priority::Critical;
        }
        if name.is_some_and(|name| self.sheddable.contains(name)) {
            return Priority::Sheddable;
        }
        if let Some(priority) = self.of_class(class) {
            return priority;
        }
        match origin {
            Origin::Listed => self.listed,
            Origin::Registered => self.registered,
            Origin::Text => self.unlisted,
        }
    }
}
