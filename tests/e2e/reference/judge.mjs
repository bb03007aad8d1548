// The same data through graphql-js: what the answer must be.

import { buildSchema, execute, parse } from 'graphql';
import { Key, MISSING, Ref } from './data.mjs';
import { all } from './style.mjs';

/** An object while it is answered: which names its parent's selection had. */
class Part {
  constructor(ref, names) {
    Object.assign(this, { ref, names, __typename: ref.kind === undefined || ref.kind === `k${ref.type.name}` ? ref.type.name : undefined });
  }
}

export class Judge {
  constructor(world) {
    this.world = world;
    this.schema = buildSchema(world.style.sdl({ isPublic: true }));
  }

  answer(document, variableValues) {
    return execute({ schema: this.schema, document, variableValues, rootValue: null, fieldResolver: (part, args, _, info) => this.resolve(part, args, info) });
  }

  resolve(part, args, info) {
    const { world } = this;
    const typeName = info.parentType.name;
    const entity = /^by(T\d)$/.exec(info.fieldName);
    if (typeName === 'Query' && entity) {
      const type = world.types.get(entity[1]);
      return fit(world.entry(type.name, args.id), info.returnType, (ref) => new Part(ref, all(type)));
    }
    const field = world.field(typeName, info.fieldName);
    const value = this.value(part, field, args, typeName);
    const named = world.style.named.get(`${typeName}.${field.name}`);
    return fit(value, info.returnType, (ref) => new Part(ref, named.get(ref.type.name)));
  }

  value(part, field, args, typeName) {
    const { world } = this;
    const type = world.types.get(typeName);
    const how = world.style.how(type, field);
    if (how === 'root') return field.args ? { raw: { args, id: null } } : world.data.root[typeName][field.name];
    const { record } = part.ref;
    if (how === 'in' && world.style.isInline(type, field, part.names)) return record[field.name];
    // All else is asked for by key.
    if (!(record.id instanceof Key)) return null;
    const key = record.id.text;
    if (how === 'own') return field.args ? { raw: { args, id: key } } : world.record(typeName, key)[field.name];
    if (how === 'group') {
      const refs = world.children(typeName, field, key).map((ref) => new Ref(ref.type, ref.record));
      return world.style.lists(field.type) > 0 ? refs : refs[0] ?? null;
    }
    const entry = world.entry(typeName, key);
    return entry instanceof Ref ? entry.record[field.name] : null;
  }
}

/** A source's value as graphql-js takes it. A list where an object is expected, or the reverse, is null and no error (DIALECT §1.5). */
function fit(value, type, part) {
  if (value instanceof Key) return value.value;
  if (value === MISSING || value === null || value === undefined) return null;
  const inner = 'ofType' in type && !isListType(type) ? type.ofType : type;
  const isObject = value instanceof Ref || (!Array.isArray(value) && typeof value === 'object');
  if (isListType(inner)) {
    if (isObject && !Array.isArray(value.raw)) return null;
    const items = isObject ? value.raw.map(wrapRaw) : value;
    return Array.isArray(items) ? items.map((item) => fit(item, inner.ofType, part)) : items;
  }
  if (isComposite(inner)) {
    if (value instanceof Ref) return part(value);
    if (Array.isArray(value)) return null;
    if (isObject) return part(new Ref({ name: inner.name, fields: [] }, value.raw));
    return new Error('An object was expected.');
  }
  return isObject ? value.raw : value;
}

const wrapRaw = (value) => (value !== null && typeof value === 'object' ? { raw: value } : value);
const isListType = (type) => type.constructor.name === 'GraphQLList';
const isComposite = (type) => ['GraphQLObjectType', 'GraphQLInterfaceType', 'GraphQLUnionType'].includes(type.constructor.name);

export { parse };
