//! [`Selection`] → canonical text, for `check`, `explain` and tests.
//!
//! The text reads back as the same tree, apart from spans, in the version it was read in: names stand before values
//! where some version asks for them, `$( )` and quotes where some version would take a word for something else.

use std::fmt::{self, Display, Formatter, Write};

use serde_json::{Number, Value};

use super::{
    ast::{Block, Expr, Fallback, Head, Item, Key, Path, Selection, Step},
    parse::lexer::is_name,
};

/// How the entries of an object stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Outside `$( )` and arguments: no commas, lone keys stay alone.
    Fields,
    /// Inside: `name: value, …`, which is all that 0.2 and 0.3 understand there.
    Literal,
}

// === impl Selection ===

impl Display for Selection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(expr) => print_expr(f, expr, Style::Fields),
            Self::Fields(block) => {
                print_items(f, &block.items, Style::Fields)?;
                match block.items.as_slice() {
                    // Alone, it would be read as one value; the comma says that it is a list of fields.
                    [Item::Spread { explicit: false, .. }] => f.write_char(','),
                    _ => Ok(()),
                }
            }
        }
    }
}

// === impl Expr ===

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print_expr(f, self, Style::Fields)
    }
}

fn print_items(f: &mut Formatter<'_>, items: &[Item], style: Style) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        match style {
            _ if index == 0 => {}
            Style::Fields => f.write_char(' ')?,
            Style::Literal => f.write_str(", ")?,
        }
        match item {
            Item::Named {
                name,
                value: Expr::Path(path),
            } if style == Style::Fields && is_lone(name, path) => {
                print_path(f, path)?;
            }
            Item::Named { name, value } => {
                print_key(f, name)?;
                f.write_str(": ")?;
                print_expr(f, value, style)?;
            }
            Item::Spread { value, explicit } => {
                f.write_str(if *explicit { "..." } else { "" })?;
                print_expr(f, value, style)?;
            }
        }
    }
    Ok(())
}

/// Whether `name: path` can be written as the path alone.
fn is_lone(name: &Key, path: &Path) -> bool {
    let same = matches!(&path.head, Head::Key(key) if key.text == name.text && key.quoted == name.quoted);
    same && path
        .steps
        .iter()
        .all(|step| matches!(step, Step::Optional(_) | Step::Select(_)))
}

fn print_block(f: &mut Formatter<'_>, block: &Block, style: Style) -> fmt::Result {
    if block.items.is_empty() {
        return f.write_str("{}");
    }
    f.write_str("{ ")?;
    print_items(f, &block.items, style)?;
    f.write_str(" }")
}

fn print_expr(f: &mut Formatter<'_>, expr: &Expr, style: Style) -> fmt::Result {
    match expr {
        Expr::Literal(value, _) => print_literal(f, value),
        Expr::Array(items, _) => {
            f.write_char('[')?;
            print_list(f, items, style)?;
            f.write_char(']')
        }
        Expr::Object(block) => print_block(f, block, style),
        Expr::Path(path) => print_path(f, path),
        Expr::Chain(fallback, operands, _) => {
            for (index, operand) in operands.iter().enumerate() {
                if index > 0 {
                    f.write_str(match fallback {
                        Fallback::NullOrMissing => " ?? ",
                        Fallback::Missing => " ?! ",
                    })?;
                }
                print_expr(f, operand, style)?;
            }
            Ok(())
        }
    }
}

fn print_list(f: &mut Formatter<'_>, items: &[Expr], style: Style) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print_expr(f, item, style)?;
    }
    Ok(())
}

fn print_path(f: &mut Formatter<'_>, path: &Path) -> fmt::Result {
    match &path.head {
        Head::Root => f.write_char('$')?,
        Head::At => f.write_char('@')?,
        Head::Variable(name) => write!(f, "${}", name.text)?,
        Head::Key(key) => print_key(f, key)?,
        Head::Expr(expr) => {
            f.write_str("$(")?;
            print_expr(f, expr, Style::Literal)?;
            f.write_char(')')?;
        }
    }
    for step in &path.steps {
        match step {
            Step::Key(key) => {
                f.write_char('.')?;
                print_key(f, key)?;
            }
            Step::Optional(_) => f.write_char('?')?,
            Step::Select(block) => {
                f.write_char(' ')?;
                print_block(f, block, Style::Fields)?;
            }
            Step::Method { name, args, .. } => {
                write!(f, "->{}", name.text)?;
                if let Some(args) = args {
                    f.write_char('(')?;
                    print_list(f, args, Style::Literal)?;
                    f.write_char(')')?;
                }
            }
        }
    }
    Ok(())
}

fn print_key(f: &mut Formatter<'_>, key: &Key) -> fmt::Result {
    if key.quoted || !is_name(&key.text) {
        print_text(f, &key.text)
    } else {
        f.write_str(&key.text)
    }
}

fn print_literal(f: &mut Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => print_text(f, text),
        Value::Number(number) => print_number(f, number),
        other => write!(f, "{other}"),
    }
}

/// Without exponents, which the grammar does not have.
fn print_number(f: &mut Formatter<'_>, number: &Number) -> fmt::Result {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            let text = float.to_string();
            f.write_str(&text)?;
            f.write_str(if text.contains('.') { "" } else { ".0" })
        }
        _ => write!(f, "{number}"),
    }
}

fn print_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '\n' => f.write_str("\\n")?,
            '"' | '\\' => write!(f, "\\{character}")?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
