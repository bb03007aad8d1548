//! `fields:` of `@key`: `id organisation { id }`.

use super::model::KeyTree;

/// Nesting that keys do not need; more is refused.
const NESTING_MAX: usize = 16;

/// Reads a list of fields with nested ones. `None` when it is not one.
pub(crate) fn parse(text: &str) -> Option<KeyTree> {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(',', " ");
    let mut open: Vec<KeyTree> = vec![KeyTree::default()];
    for word in spaced.split_whitespace() {
        match word {
            "{" => {
                if open.last()?.0.is_empty() || open.len() > NESTING_MAX {
                    return None;
                }
                open.push(KeyTree::default());
            }
            "}" => {
                let inner = open.pop()?;
                open.last_mut()?.0.last_mut()?.1 = inner;
            }
            name if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                open.last_mut()?.0.push((name.into(), KeyTree::default()));
            }
            _ => return None,
        }
    }
    let tree = open.pop()?;
    (open.is_empty() && !tree.0.is_empty()).then_some(tree)
}
