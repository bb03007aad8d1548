//! Problems for people and for programs.
//!
//! After [`super::load`], for the command line.

use std::{fmt::Write, ops::Range};

use serde_json::{Value, json};

use super::{files::SourceFile, problem::Problem};

/// Characters of a source line that are shown; the rest is cut, so that one long line cannot fill the screen.
const LINE_CHARS_MAX: usize = 120;
/// Characters before the marked range that stay when a line is cut.
const LEAD_CHARS: usize = 40;
/// Columns of a tab.
const TAB_WIDTH: usize = 4;

/// All problems as text: place, code and message, the line with the range marked, and what to do.
#[must_use]
pub fn to_text(problems: &[Problem], files: &[SourceFile]) -> String {
    let mut text = String::new();
    for (index, problem) in problems.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        write_problem(&mut text, problem, files);
    }
    text
}

/// All problems as one JSON array of `{code, message, file, line, column, severity}`. What to do stands at the end of the message.
#[must_use]
pub fn to_json(problems: &[Problem]) -> Value {
    problems.iter().map(problem_json).collect()
}

fn problem_json(problem: &Problem) -> Value {
    let message = match &problem.hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "code": problem.code.as_str(),
        "message": message,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity.to_string(),
    })
}

/// The line of a text at a place, with marks under the word that begins there; empty if there is no such place.
#[must_use]
pub fn excerpt(text: &str, line: usize, column: usize) -> String {
    let mut out = String::new();
    let Some(content) = line.checked_sub(1).and_then(|index| text.lines().nth(index)) else {
        return out;
    };
    let from = content
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(content.len(), |(index, _)| index);
    let word = content[from..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$' || c == '@'));
    let length = word.unwrap_or(content.len() - from).max(1);
    write_marked(&mut out, line, content, from..(from + length).min(content.len()));
    out
}

fn write_problem(text: &mut String, problem: &Problem, files: &[SourceFile]) {
    let Problem {
        code,
        severity,
        message,
        file,
        line,
        column,
        ..
    } = problem;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{file}:{line}:{column}: {severity}[{code}]: {message}");
    if let Some(source) = files.iter().find(|source| source.path == *file) {
        write_line(text, problem, &source.text);
    }
    if let Some(hint) = &problem.hint {
        let _ = writeln!(text, "hint: {hint}");
    }
}

/// The source line, and below it marks under the range.
fn write_line(text: &mut String, problem: &Problem, source: &str) {
    let Some((line, start)) = line_around(source, problem.span.start) else {
        return;
    };
    if line.trim().is_empty() {
        return;
    }
    let from = problem.span.start - start;
    let to = problem.span.end.saturating_sub(start).clamp(from, line.len());
    write_marked(text, problem.line, line, from..to);
}

fn write_marked(text: &mut String, number: usize, line: &str, marked: Range<usize>) {
    let (shown, marked) = cut(line, marked);
    let gutter = number.to_string();
    let _ = writeln!(text, "{gutter} | {}", expand(&shown));
    let lead = width(&shown[..marked.start]);
    let marks = width(&shown[marked]).max(1);
    let _ = writeln!(
        text,
        "{} | {}{}",
        " ".repeat(gutter.len()),
        " ".repeat(lead),
        "^".repeat(marks)
    );
}

/// The line that holds a byte offset, without its end, and where it starts.
fn line_around(source: &str, offset: usize) -> Option<(&str, usize)> {
    let before = source.get(..offset)?;
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let rest = &source[start..];
    let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
    // An offset between `\r` and `\n` belongs to no line.
    (start + end >= offset).then(|| (&rest[..end], start))
}

/// Cuts a long line to what is around the marked range.
fn cut(line: &str, marked: Range<usize>) -> (String, Range<usize>) {
    let total = line.chars().count();
    if total <= LINE_CHARS_MAX {
        return (line.to_owned(), marked);
    }
    let before = line[..marked.start].chars().count();
    let first = if before > LINE_CHARS_MAX - LEAD_CHARS {
        before - LEAD_CHARS
    } else {
        0
    };
    let at = |number: usize| line.char_indices().nth(number).map_or(line.len(), |(index, _)| index);
    let (begin, end) = (at(first), at(first + LINE_CHARS_MAX));
    let lead = if first > 0 { "…" } else { "" };
    let tail = if end < line.len() { "…" } else { "" };
    let move_by = |index: usize| index.clamp(begin, end) - begin + lead.len();
    let marked = move_by(marked.start)..move_by(marked.end);
    (format!("{lead}{}{tail}", &line[begin..end]), marked)
}

/// Tabs as spaces, control characters as a dot: what a terminal shows must have the width we count.
fn expand(text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => expanded.push_str(&" ".repeat(TAB_WIDTH)),
            '\u{feff}' => {}
            character if character.is_control() => expanded.push('·'),
            character => expanded.push(character),
        }
    }
    expanded
}

/// Columns that a text takes on a terminal.
fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

/// Combining marks take none, East Asian letters and emoji two. A coarse table: marks that are one column off do no harm.
fn character_width(character: char) -> usize {
    match character {
        '\t' => TAB_WIDTH,
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
