//! Last step: checked drafts and the public schema become a [`Surface`].

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{
    Name, Schema,
    ast::{self, Type as AstType},
    collections::IndexMap,
    schema::{Component, ExtendedType},
    validation::Valid,
};

use crate::mapping::tree;

use super::{
    access::{Accesses, Rules},
    annotations::{Use, UseSite},
    cache,
    connect::ConnectDraft,
    costs,
    degrade::Contract,
    deprecation,
    files::Files,
    group_by,
    model::{
        CacheHint, CachePolicy, Connector, ConnectorId, Field, FieldType, Kind, Scalar, Site, Source, SourceId,
        Surface, Type, TypeId, TypeKind,
    },
    source::SourceDraft,
};

/// What assembling reads.
pub(crate) struct Parts<'a> {
    pub name: &'a str,
    pub has_additions: bool,
    pub schema: Valid<Schema>,
    pub uses: &'a [Use],
    pub files: &'a Files,
    pub sources: Vec<SourceDraft>,
    pub connectors: Vec<ConnectDraft>,
    pub rules: Rules,
    pub contracts: Vec<Contract>,
}

/// Builds the surface. Everything was checked before, so connectors of hidden fields are all that is left out.
pub(crate) fn assemble(parts: Parts<'_>) -> Option<Surface> {
    let Parts {
        name,
        has_additions,
        schema,
        uses,
        files,
        sources,
        connectors,
        rules,
        contracts,
    } = parts;
    let mut types = TypeTable::new(&schema, uses, files);
    let mut accesses = Accesses::new(uses, &schema, &rules);
    types.guard(&mut accesses, &schema);
    let accesses = accesses.known;
    contracts.into_iter().for_each(|contract| types.hold(contract));
    let sources: Vec<Source> = sources.into_iter().filter_map(|draft| draft.source).collect();
    let mut built: Vec<Connector> = Vec::new();
    for draft in connectors {
        let policy = cache::policy(uses, &draft, files);
        if let Some(connector) = build_connector(draft, policy, &types) {
            types.attach(ConnectorId(to_u32(built.len())), &connector);
            built.push(connector);
        }
    }
    let root = |name: Option<&apollo_compiler::schema::ComponentName>| {
        name.and_then(|name| types.ids.get(name.as_str()).copied())
    };
    Some(Surface {
        name: Arc::from(name),
        has_additions,
        query: root(schema.schema_definition.query.as_ref())?,
        mutation: root(schema.schema_definition.mutation.as_ref()),
        types: types.types,
        type_ids: types.ids,
        schema: Arc::new(schema),
        sources,
        connectors: built,
        accesses,
        policies: rules.policies,
    })
}

fn build_connector(draft: ConnectDraft, cache: Option<CachePolicy>, types: &TypeTable) -> Option<Connector> {
    let type_id = *types.ids.get(draft.type_name.as_str())?;
    let site = match &draft.field {
        Some(field) => Site::Field(type_id, types.field_index(type_id, &field.name)?),
        None => Site::Type(type_id),
    };
    let group_by_paths = group_by::paths(&draft)?;
    let selection = draft.selection?.0;
    Some(Connector {
        coordinate: Arc::from(draft.coordinate.as_str()),
        site,
        kind: draft.kind,
        source: draft.source.map(|index| SourceId(to_u32(index))),
        request: draft.request?,
        output: tree::output(&selection.selection),
        selection,
        is_success: draft.is_success,
        errors: draft.errors,
        max_size: draft.max_size,
        group_by_paths,
        not_found_is_error: draft.not_found_is_error,
        this_reads: draft.this_reads,
        batch_reads: draft.batch_reads,
        cache,
        resilience: draft.resilience,
        place: draft.place,
    })
}

/// Types by number while they are filled.
struct TypeTable {
    types: Vec<Type>,
    ids: HashMap<String, TypeId>,
}

// === impl TypeTable ===

impl TypeTable {
    fn new(schema: &Valid<Schema>, uses: &[Use], files: &Files) -> Self {
        let public: Vec<(&Name, &ExtendedType)> = schema
            .types
            .iter()
            .filter(|(name, _)| !name.starts_with("__"))
            .collect();
        let mut ids: HashMap<String, TypeId> = public
            .iter()
            .enumerate()
            .map(|(index, (name, _))| (name.to_string(), TypeId(to_u32(index))))
            .collect();
        // Validation drops built-in scalars that nobody uses; the engine still wants to name them.
        let missing: Vec<&str> = ["Int", "Float", "String", "Boolean", "ID"]
            .into_iter()
            .filter(|name| !ids.contains_key(*name))
            .collect();
        for (index, name) in missing.iter().enumerate() {
            ids.insert((*name).to_owned(), TypeId(to_u32(public.len() + index)));
        }
        let implementers = schema.implementers_map();
        let mut types: Vec<Type> = Vec::with_capacity(ids.len());
        for (name, ty) in public {
            let id = ids[name.as_str()];
            let possible = match ty {
                ExtendedType::Object(_) => vec![id],
                ExtendedType::Union(union) => union
                    .members
                    .iter()
                    .filter_map(|member| ids.get(member.as_str()).copied())
                    .collect(),
                ExtendedType::Interface(_) => implementers
                    .get(name)
                    .map(|found| {
                        found
                            .objects
                            .iter()
                            .filter_map(|name| ids.get(name.as_str()).copied())
                            .collect()
                    })
                    .unwrap_or_default(),
                _ => Vec::new(),
            };
            let kind = type_kind(ty, &ids, schema, uses, files);
            types.push(Type {
                name: Arc::from(name.as_str()),
                kind,
                suppliers: Vec::new(),
                possible,
                cost: costs::weight_at(uses, &UseSite::Type(name.clone())),
                access: None,
                cache: cache::hint(uses, &UseSite::Type(name.clone()), files),
            });
        }
        types.extend(missing.into_iter().map(|name| Type {
            name: Arc::from(name),
            kind: TypeKind::Scalar(scalar(name)),
            suppliers: Vec::new(),
            possible: Vec::new(),
            cost: None,
            access: None,
            cache: CacheHint::default(),
        }));
        Self { types, ids }
    }

    /// Writes down what is asked of callers.
    fn guard(&mut self, accesses: &mut Accesses<'_>, schema: &Schema) {
        for (name, ty) in &schema.types {
            let Some(id) = self.ids.get(name.as_str()) else {
                continue;
            };
            let definition = &mut self.types[id.0 as usize];
            let fields = match ty {
                ExtendedType::Object(object) => &object.fields,
                ExtendedType::Interface(interface) => &interface.fields,
                _ => continue,
            };
            definition.access = accesses.of_type(name);
            if let TypeKind::Object(known) | TypeKind::Interface(known) = &mut definition.kind {
                for (field, declared) in known.iter_mut().zip(fields.values()) {
                    field.access = accesses.of_field(name, &declared.name, declared.ty.inner_named_type());
                }
            }
        }
    }

    fn fields(&self, id: TypeId) -> &[Field] {
        match &self.types[id.0 as usize].kind {
            TypeKind::Object(fields) | TypeKind::Interface(fields) => fields,
            _ => &[],
        }
    }

    fn field_index(&self, id: TypeId, name: &str) -> Option<u32> {
        self.fields(id)
            .iter()
            .position(|field| &*field.name == name)
            .map(to_u32)
    }

    /// Writes down what becomes of a field when its call fails. A field that clients do not see has none.
    fn hold(&mut self, contract: Contract) {
        let Some(ty) = self.ids.get(contract.type_name.as_str()) else {
            return;
        };
        if let TypeKind::Object(fields) = &mut self.types[ty.0 as usize].kind
            && let Some(field) = fields.iter_mut().find(|field| *field.name == *contract.field)
        {
            field.fallback = contract.fallback;
            field.is_critical = contract.is_critical;
        }
    }

    /// Writes a connector down where planners look for it.
    fn attach(&mut self, id: ConnectorId, connector: &Connector) {
        let supplied = match connector.site {
            Site::Type(ty) => Some(ty),
            Site::Field(ty, index) => {
                let entity = (connector.kind == Kind::EntityField).then(|| self.fields(ty)[index as usize].ty.named);
                if let TypeKind::Object(fields) = &mut self.types[ty.0 as usize].kind {
                    fields[index as usize].connectors.push(id);
                }
                entity
            }
        };
        if let Some(ty) = supplied {
            self.types[ty.0 as usize].suppliers.push(id);
        }
    }
}

fn type_kind(
    ty: &ExtendedType,
    ids: &HashMap<String, TypeId>,
    schema: &Schema,
    uses: &[Use],
    files: &Files,
) -> TypeKind {
    match ty {
        ExtendedType::Scalar(definition) => TypeKind::Scalar(scalar(&definition.name)),
        ExtendedType::Enum(definition) => {
            TypeKind::Enum(definition.values.keys().map(|name| Arc::from(name.as_str())).collect())
        }
        ExtendedType::Object(object) => {
            TypeKind::Object(build_fields(&object.name, &object.fields, ids, schema, uses, files))
        }
        ExtendedType::Interface(interface) => TypeKind::Interface(build_fields(
            &interface.name,
            &interface.fields,
            ids,
            schema,
            uses,
            files,
        )),
        ExtendedType::Union(_) => TypeKind::Union,
        ExtendedType::InputObject(_) => TypeKind::Input,
    }
}

fn build_fields(
    parent: &Name,
    fields: &IndexMap<Name, Component<ast::FieldDefinition>>,
    ids: &HashMap<String, TypeId>,
    schema: &Schema,
    uses: &[Use],
    files: &Files,
) -> Vec<Field> {
    fields
        .values()
        .map(|field| Field {
            name: Arc::from(field.name.as_str()),
            ty: field_type(&field.ty, ids),
            arguments: field
                .arguments
                .iter()
                .map(|argument| Arc::from(argument.name.as_str()))
                .collect(),
            connectors: Vec::new(),
            list_size: costs::list_size(schema, parent, field, uses, files),
            access: None,
            cost: costs::field_weight(schema, parent, &field.name, uses),
            argument_costs: costs::argument_weights(parent, field, uses),
            fallback: None,
            is_critical: false,
            cache: cache::hint(uses, &UseSite::Field(parent.clone(), field.name.clone()), files),
            deprecated: deprecation::of(&field.directives),
            deprecated_arguments: deprecation::of_arguments(field),
        })
        .collect()
}

fn field_type(ty: &AstType, ids: &HashMap<String, TypeId>) -> FieldType {
    let mut non_null = Vec::new();
    let mut current = ty;
    loop {
        non_null.push(current.is_non_null());
        match current {
            AstType::List(inner) | AstType::NonNullList(inner) => current = inner,
            AstType::Named(name) | AstType::NonNullNamed(name) => {
                return FieldType {
                    named: ids[name.as_str()],
                    non_null,
                };
            }
        }
    }
}

fn scalar(name: &str) -> Scalar {
    match name {
        "Int" => Scalar::Int,
        "Float" => Scalar::Float,
        "String" => Scalar::String,
        "Boolean" => Scalar::Boolean,
        "ID" => Scalar::Id,
        _ => Scalar::Custom,
    }
}

fn to_u32(index: usize) -> u32 {
    u32::try_from(index).expect("a schema has fewer than four billion of anything")
}
