//! What differs between two versions of the same services, for people.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// What is different in `new`, a line a thing: `+ shop.Product.price: int64 = 3`, `- …` for what is gone, `~ …: was …` for what
/// is another. By name; comments, options and the order of declarations make no difference.
#[must_use]
pub fn changes(old: &DescriptorPool, new: &DescriptorPool) -> Vec<String> {
    let (old, new) = (facts(old), facts(new));
    let mut lines = Vec::new();
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old != new => {
                lines.push(format!("~ {name}{new}, was {}", old.trim_start_matches(": ")))
            }
            (Some(old), None) => lines.push(format!("- {name}{old}")),
            (None, Some(new)) => lines.push(format!("+ {name}{new}")),
            _ => {}
        }
    }
    lines
}

/// Everything that callers depend on, by name.
fn facts(pool: &DescriptorPool) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for service in pool.services() {
        for method in service.methods() {
            let stream = |streams| if streams { "stream " } else { "" };
            facts.insert(
                format!("{}/{}", service.full_name(), method.name()),
                format!(
                    "({}{}) returns ({}{})",
                    stream(method.is_client_streaming()),
                    method.input().full_name(),
                    stream(method.is_server_streaming()),
                    method.output().full_name()
                ),
            );
        }
    }
    for message in pool.all_messages().filter(|message| !message.is_map_entry()) {
        add_message(&message, &mut facts);
    }
    for of in pool.all_enums() {
        add_enum(&of, &mut facts);
    }
    facts
}

fn add_message(message: &MessageDescriptor, facts: &mut BTreeMap<String, String>) {
    facts.insert(message.full_name().to_owned(), ": message".to_owned());
    for field in message.fields() {
        facts.insert(
            field.full_name().to_owned(),
            format!(": {} = {}", type_of(&field), field.number()),
        );
    }
}

fn add_enum(of: &EnumDescriptor, facts: &mut BTreeMap<String, String>) {
    facts.insert(of.full_name().to_owned(), ": enum".to_owned());
    for value in of.values() {
        facts.insert(
            format!("{}.{}", of.full_name(), value.name()),
            format!(" = {}", value.number()),
        );
    }
}

/// As a .proto file would have it.
fn type_of(field: &FieldDescriptor) -> String {
    if field.is_map()
        && let Kind::Message(entry) = field.kind()
    {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return format!("map<{}, {}>", kind_of(&key.kind()), kind_of(&value.kind()));
    }
    let label = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        Cardinality::Required => "required ",
        Cardinality::Optional if field.supports_presence() && !matches!(field.kind(), Kind::Message(_)) => "optional ",
        Cardinality::Optional => "",
    };
    format!("{label}{}", kind_of(&field.kind()))
}

fn kind_of(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(of) => of.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}
